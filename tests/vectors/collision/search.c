/* Searches two records with one record hash: see README.md.
 *
 *   cc -O3 -pthread -o build/search tests/vectors/collision/search.c
 *   build/search [-t threads] [-c checkpoint] [-b bits] [-d bits] [-p] templates.txt > collision.json
 *
 * The search walks x -> f(x): bit 0 of x selects one of the two templates, the 16 hexadecimal digits of x are its
 * nonce, f(x) is its record hash. Two records with one hash are two x with one f(x), but only if their bits 0 differ.
 *
 * Trails start at random x and end at a distinguished point, whose highest bits (-d) are zero. Where two trails have
 * one end, they met: both are walked again in step to the place. Only ends are kept, so memory does not matter.
 *
 * Since the nonce lies in the last block and the salt is fixed, a step is two compressions of SHA-256: the last block
 * of the inner hash and the last of the outer. With -b the hash is cut to fewer bits, to try the program out;
 * -p does without the processor's instructions for SHA-256.
 */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

enum {
    BLOCK = 64,
    DIGEST = 32,
    NONCE = 16,
    RECORDS = 2,
    STREAMS = 4, /* trails that a thread walks side by side */
    GREATEST_LINE = 1 << 16,
    LONGEST = 20 /* times the expected length: a trail beyond it is in a cycle */
};

struct template {
    char text[GREATEST_LINE]; /* the canonical record; its nonce is the 16 characters before the last two */
    size_t length;
    uint32_t inner[8];  /* the state after all blocks but the last */
    uint32_t block[16]; /* the last block as words, padded, with any nonce */
    int nonce;          /* the first of the nonce's four words in it */
};

struct job {
    uint8_t salt[32];
    uint8_t schema_hash[32];
    char provider_code[64];
    char schema_id[128];
    struct template templates[RECORDS];
    uint32_t outer[8]; /* the state after the outer key's block */
    int bits;          /* of the hash that shall be equal */
    int distinguished; /* of its highest bits that are zero at a trail's end */
    void (*step)(const struct job *, uint64_t x[STREAMS]);
};

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("search: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- SHA-256 and HMAC, FIPS 180-4 and RFC 2104, for any machine ---- */

_Alignas(16) static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t INITIAL[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotated(uint32_t x, int n)
{
    return (x >> n) | (x << (32 - n));
}

static void compress(uint32_t state[8], const uint32_t block[16])
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    memcpy(w, block, BLOCK);
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
#pragma GCC unroll 8
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
        uint32_t t2 = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void words_of(uint32_t words[16], const uint8_t bytes[BLOCK])
{
    for (int i = 0; i < 16; i++, bytes += 4)
        words[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Absorbs all blocks of message but the last, which is returned padded; `before` bytes were absorbed already. */
static void absorb(uint32_t state[8], uint32_t last[16], const uint8_t *message, size_t length, size_t before)
{
    uint64_t bits = 8 * (uint64_t)(before + length);
    uint8_t end[2 * BLOCK] = {0};
    while (length >= BLOCK) {
        words_of(last, message);
        compress(state, last);
        message += BLOCK;
        length -= BLOCK;
    }
    memcpy(end, message, length);
    end[length] = 0x80;
    size_t at = 0;
    if (length + 9 > BLOCK) {
        words_of(last, end);
        compress(state, last);
        at = BLOCK;
    }
    for (int i = 0; i < 8; i++)
        end[at + BLOCK - 1 - i] = (uint8_t)(bits >> 8 * i);
    words_of(last, end + at);
}

static void absorb_key(uint32_t state[8], const uint8_t salt[32], uint8_t pad)
{
    uint8_t bytes[BLOCK];
    uint32_t words[16];
    for (int i = 0; i < BLOCK; i++)
        bytes[i] = pad ^ (i < 32 ? salt[i] : 0);
    words_of(words, bytes);
    memcpy(state, INITIAL, DIGEST);
    compress(state, words);
}

static void bytes_of(uint8_t bytes[DIGEST], const uint32_t state[8])
{
    for (int i = 0; i < DIGEST; i++)
        bytes[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac(uint8_t value[DIGEST], const uint8_t salt[32], const uint8_t *message, size_t length)
{
    uint32_t state[8], last[16];
    absorb_key(state, salt, 0x36);
    absorb(state, last, message, length, BLOCK);
    compress(state, last);
    bytes_of(value, state);
    absorb_key(state, salt, 0x5c);
    absorb(state, last, value, DIGEST, BLOCK);
    compress(state, last);
    bytes_of(value, state);
}

/* ---- The derivation: docs/PROTOCOL.md, section 3 ---- */

static size_t item(uint8_t *to, const void *bytes, size_t length)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(length >> (24 - 8 * i));
    memcpy(to + 4, bytes, length);
    return 4 + length;
}

static size_t derivation(uint8_t message[2 * GREATEST_LINE], const struct job *job, const struct template *of)
{
    static const char tag[] = "creditconnect/record";
    size_t n = 0;
    n += item(message + n, tag, strlen(tag));
    n += item(message + n, "\x01", 1);
    n += item(message + n, "\x01", 1);
    n += item(message + n, job->provider_code, strlen(job->provider_code));
    n += item(message + n, job->schema_hash, sizeof job->schema_hash);
    n += item(message + n, of->text, of->length);
    return n;
}

static void put_nonce(struct template *of, uint64_t x)
{
    char digits[NONCE + 1];
    snprintf(digits, sizeof digits, "%016" PRIx64, x);
    memcpy(of->text + of->length - 2 - NONCE, digits, NONCE);
}

static int selected(uint64_t x)
{
    return (int)(x & 1);
}

/* The whole derivation, from the record's text, with nothing computed beforehand. Changes the template's nonce. */
static void derive(struct job *job, uint64_t x, uint8_t value[DIGEST])
{
    static uint8_t message[2 * GREATEST_LINE];
    struct template *of = &job->templates[selected(x)];
    put_nonce(of, x);
    hmac(value, job->salt, message, derivation(message, job, of));
}

static uint64_t state_of(const struct job *job, const uint8_t value[DIGEST])
{
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | value[i];
    return x >> (64 - job->bits);
}

/* ---- Steps ---- */

static void step_portable(const struct job *job, uint64_t x[STREAMS])
{
    static const char digits[] = "0123456789abcdef";
    for (int s = 0; s < STREAMS; s++) {
        const struct template *of = &job->templates[selected(x[s])];
        uint32_t block[16], inner[8], outer[8];
        memcpy(block, of->block, BLOCK);
        memcpy(inner, of->inner, DIGEST);
        for (int word = 0; word < 4; word++) {
            uint32_t text = 0;
            for (int i = 0; i < 4; i++)
                text = text << 8 | (uint8_t)digits[x[s] >> (60 - 4 * (4 * word + i)) & 15];
            block[of->nonce + word] = text;
        }
        compress(inner, block);
        memcpy(block, inner, DIGEST);
        memset(block + 8, 0, BLOCK - DIGEST);
        block[8] = 0x80000000;
        block[15] = 8 * (BLOCK + DIGEST);
        memcpy(outer, job->outer, DIGEST);
        compress(outer, block);
        x[s] = ((uint64_t)outer[0] << 32 | outer[1]) >> (64 - job->bits);
    }
}

#ifdef HAVE_X86

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define PAIR 2 /* streams whose instructions alternate, so that neither waits for the other's results */
#define EACH for (int s = 0; s < PAIR; s++)

static bool has_sha_ni(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

/* One compression for each of a pair; the state in the order of the instructions: A B E F and C D G H, A highest. */
SHA_NI static inline __attribute__((always_inline)) void
compress_pair(__m128i abef[PAIR], __m128i cdgh[PAIR], __m128i w[PAIR][4])
{
    __m128i abef_before[PAIR], cdgh_before[PAIR];
    EACH abef_before[s] = abef[s], cdgh_before[s] = cdgh[s];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        const __m128i k = _mm_load_si128((const __m128i *)(K + 4 * i));
        __m128i sum[PAIR];
        EACH sum[s] = _mm_add_epi32(w[s][i & 3], k);
        EACH cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], sum[s]);
        EACH abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(sum[s], 0x0e));
        if (i < 12) { /* the words of four rounds ahead take the place of those just used */
            EACH {
                __m128i next = _mm_sha256msg1_epu32(w[s][i & 3], w[s][(i + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(w[s][(i + 3) & 3], w[s][(i + 2) & 3], 4));
                w[s][i & 3] = _mm_sha256msg2_epu32(next, w[s][(i + 3) & 3]);
            }
        }
    }
    EACH abef[s] = _mm_add_epi32(abef[s], abef_before[s]);
    EACH cdgh[s] = _mm_add_epi32(cdgh[s], cdgh_before[s]);
}

SHA_NI static inline __attribute__((always_inline)) void load_state(__m128i *abef, __m128i *cdgh, const uint32_t h[8])
{
    *abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
    *cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
}

/* The 16 hexadecimal digits of x as four words of a block. */
SHA_NI static inline __attribute__((always_inline)) __m128i nonce_words(uint64_t x)
{
    const __m128i digits =
        _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
    const __m128i low = _mm_set1_epi8(15);
    __m128i bytes = _mm_cvtsi64_si128((long long)x);
    __m128i nibbles = _mm_unpacklo_epi8(_mm_and_si128(bytes, low), _mm_and_si128(_mm_srli_epi16(bytes, 4), low));
    /* lowest nibble first; a word's last character is its lowest byte, the first word has the highest digits */
    return _mm_shuffle_epi32(_mm_shuffle_epi8(digits, nibbles), 0x1b);
}

SHA_NI static inline __attribute__((always_inline)) void step_pair(const struct job *job, uint64_t x[PAIR])
{
    __m128i abef[PAIR], cdgh[PAIR], w[PAIR][4];
    EACH {
        const struct template *of = &job->templates[selected(x[s])];
        uint32_t block[16];
        memcpy(block, of->block, BLOCK);
        const __m128i nonce = nonce_words(x[s]);
        load_state(&abef[s], &cdgh[s], of->inner);
        for (int i = 0; i < 4; i++)
            w[s][i] = 4 * i == of->nonce ? nonce : _mm_loadu_si128((const __m128i *)(block + 4 * i));
    }
    compress_pair(abef, cdgh, w);
    EACH {
        /* A B C D and E F G H, first lowest */
        w[s][0] = _mm_shuffle_epi32(_mm_unpackhi_epi64(cdgh[s], abef[s]), 0x1b);
        w[s][1] = _mm_shuffle_epi32(_mm_unpacklo_epi64(cdgh[s], abef[s]), 0x1b);
        w[s][2] = _mm_setr_epi32((int)0x80000000, 0, 0, 0);
        w[s][3] = _mm_setr_epi32(0, 0, 0, 8 * (BLOCK + DIGEST));
        load_state(&abef[s], &cdgh[s], job->outer);
    }
    compress_pair(abef, cdgh, w);
    EACH x[s] = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(abef[s], abef[s])) >> (64 - job->bits);
}

SHA_NI static void step_sha_ni(const struct job *job, uint64_t x[STREAMS])
{
    for (int s = 0; s < STREAMS; s += PAIR)
        step_pair(job, x + s);
}

#endif

/* ---- Reading the templates ---- */

static void read_hex(uint8_t bytes[32], const char *text, const char *name)
{
    if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
        die("%s is not 64 hexadecimal digits", name);
    for (int i = 0; i < 32; i++) {
        unsigned byte;
        sscanf(text + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
}

static void prepare(struct job *job, struct template *of)
{
    static uint8_t message[2 * GREATEST_LINE];
    static const char end[] = "0000000000000000\"}";
    if (of->length < strlen(end) || strcmp(of->text + of->length - strlen(end), end) != 0)
        die("a record does not end with %s", end);
    size_t length = derivation(message, job, of);
    size_t start = (length - strlen(end)) % BLOCK;
    if (start % 16 != 0 || start > 32)
        die("a record's nonce begins at byte %zu of a block, not at 0, 16 or 32", start);
    of->nonce = (int)start / 4;
    absorb_key(of->inner, job->salt, 0x36);
    absorb(of->inner, of->block, message, length, BLOCK);
}

static void read_job(struct job *job, const char *path)
{
    static char line[GREATEST_LINE];
    int records = 0, others = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("cannot read %s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, ' ');
        if (value == NULL)
            die("%s has a line without a value", path);
        *value++ = '\0';
        if (strcmp(line, "record") == 0 && records < RECORDS) {
            struct template *of = &job->templates[records++];
            of->length = strlen(value);
            memcpy(of->text, value, of->length + 1);
        } else if (strcmp(line, "salt") == 0) {
            read_hex(job->salt, value, line);
            others |= 1;
        } else if (strcmp(line, "schema_hash") == 0) {
            read_hex(job->schema_hash, value, line);
            others |= 2;
        } else if (strcmp(line, "schema_id") == 0 && strlen(value) < sizeof job->schema_id) {
            strcpy(job->schema_id, value);
            others |= 4;
        } else if (strcmp(line, "provider_code") == 0 && strlen(value) < sizeof job->provider_code) {
            strcpy(job->provider_code, value);
            others |= 8;
        } else {
            die("%s has a line that is not understood: %s", path, line);
        }
    }
    fclose(file);
    if (records != RECORDS || others != 15)
        die("%s lacks a line", path);
    for (int i = 0; i < RECORDS; i++)
        prepare(job, &job->templates[i]);
    absorb_key(job->outer, job->salt, 0x5c);
}

/* Holds the steps, with all that they had computed beforehand, against the whole derivation. */
static void check_steps(struct job *job)
{
    uint64_t x[STREAMS] = {0x0123456789abcdef, 0xfedcba9876543210, 0, 1};
    for (int round = 0; round < 100; round++) {
        uint64_t expected[STREAMS];
        uint8_t value[DIGEST];
        uint64_t portable[STREAMS];
        for (int s = 0; s < STREAMS; s++) {
            derive(job, x[s], value);
            expected[s] = state_of(job, value);
        }
        memcpy(portable, x, sizeof x);
        step_portable(job, portable);
        job->step(job, x);
        if (memcmp(x, expected, sizeof x) != 0 || memcmp(portable, expected, sizeof x) != 0)
            die("a step is not the derivation");
    }
}

/* ---- Trails ---- */

struct trail {
    uint64_t end, start, length;
};

static struct {
    pthread_mutex_t lock;
    struct job *job;
    struct trail *trails; /* open addressing by end; length 0 is free. Trails with one end are all kept. */
    size_t capacity, count;
    FILE *checkpoint;
    uint64_t steps;                   /* of all trails that ended, those of earlier runs included */
    uint64_t merged, robin_hoods, same_template;
    double began, before;             /* seconds of earlier runs */
    int threads;
    uint64_t found[RECORDS];
    atomic_bool done;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double seconds(void)
{
    return all.before + now() - all.began;
}

static bool is_end(const struct job *job, uint64_t x)
{
    return x >> (job->bits - job->distinguished) == 0;
}

static uint64_t random_state(void)
{
    uint64_t x;
    if (getentropy(&x, sizeof x) != 0)
        die("no random numbers");
    return x >> (64 - all.job->bits);
}

/* Walks two trails with one end again, in step, to where they met. Whether the two points give two records. */
static bool meet(const struct trail *a, const struct trail *b)
{
    const struct job *job = all.job;
    const struct trail *longer = a->length > b->length ? a : b, *shorter = longer == a ? b : a;
    uint64_t x[STREAMS] = {longer->start, 0}, previous[2];
    for (uint64_t i = shorter->length; i < longer->length; i++)
        job->step(job, x);
    x[1] = shorter->start;
    if (x[0] == x[1]) { /* the one began on the other: nothing met */
        all.robin_hoods++;
        return false;
    }
    for (uint64_t i = 0; i < shorter->length; i++) {
        previous[0] = x[0];
        previous[1] = x[1];
        job->step(job, x);
        if (x[0] == x[1]) {
            if (selected(previous[0]) == selected(previous[1])) {
                all.same_template++;
                return false;
            }
            all.found[selected(previous[0])] = previous[0];
            all.found[selected(previous[1])] = previous[1];
            return true;
        }
    }
    die("two trails with one end never met");
    return false;
}

static size_t place(uint64_t end)
{
    return (size_t)(end * 0x9e3779b97f4a7c15u >> 20) & (all.capacity - 1);
}

static void put(struct trail trail)
{
    size_t at = place(trail.end);
    while (all.trails[at].length != 0)
        at = (at + 1) & (all.capacity - 1);
    all.trails[at] = trail;
    all.count++;
}

static void grow(void)
{
    struct trail *old = all.trails;
    size_t capacity = all.capacity;
    all.capacity = capacity == 0 ? 1 << 16 : 2 * capacity;
    all.trails = calloc(all.capacity, sizeof *all.trails);
    if (all.trails == NULL)
        die("no memory for %zu trails", all.capacity);
    all.count = 0;
    for (size_t i = 0; i < capacity; i++)
        if (old[i].length != 0)
            put(old[i]);
    free(old);
}

/* Takes a trail in, and holds it against those with the same end. Called with the lock held. */
static void take(struct trail trail)
{
    if (2 * all.count >= all.capacity)
        grow();
    all.steps += trail.length;
    for (size_t at = place(trail.end); all.trails[at].length != 0; at = (at + 1) & (all.capacity - 1)) {
        if (all.trails[at].end != trail.end)
            continue;
        all.merged++;
        if (!all.done && meet(&all.trails[at], &trail))
            all.done = true;
    }
    put(trail);
}

static void *walk(void *nothing)
{
    const struct job *job = all.job;
    const uint64_t longest = (uint64_t)LONGEST << job->distinguished;
    uint64_t x[STREAMS], start[STREAMS], length[STREAMS] = {0};
    for (int s = 0; s < STREAMS; s++)
        x[s] = start[s] = random_state();
    while (!all.done) {
        job->step(job, x);
        for (int s = 0; s < STREAMS; s++) {
            length[s]++;
            if (!is_end(job, x[s]) && length[s] < longest)
                continue;
            if (is_end(job, x[s])) {
                pthread_mutex_lock(&all.lock);
                if (!all.done) {
                    if (all.checkpoint != NULL) {
                        fprintf(all.checkpoint, "%016" PRIx64 " %016" PRIx64 " %" PRIu64 " %.0f\n", x[s], start[s],
                                length[s], seconds());
                        fflush(all.checkpoint);
                    }
                    take((struct trail){x[s], start[s], length[s]});
                }
                pthread_mutex_unlock(&all.lock);
            }
            x[s] = start[s] = random_state();
            length[s] = 0;
        }
    }
    return nothing;
}

/* ---- Checkpoint: a first line that says of which job, then `end start length seconds` for each trail ---- */

static void open_checkpoint(struct job *job, const char *path)
{
    char own[128], line[256] = "";
    uint8_t value[RECORDS][DIGEST];
    for (int i = 0; i < RECORDS; i++)
        derive(job, (uint64_t)i, value[i]);
    snprintf(own, sizeof own, "search %016" PRIx64 " %016" PRIx64 " %d %d\n", state_of(job, value[0]),
             state_of(job, value[1]), job->bits, job->distinguished);
    all.checkpoint = fopen(path, "a+");
    if (all.checkpoint == NULL)
        die("cannot open %s", path);
    rewind(all.checkpoint);
    if (fgets(line, sizeof line, all.checkpoint) == NULL) {
        fputs(own, all.checkpoint);
        fflush(all.checkpoint);
        return;
    }
    if (strcmp(line, own) != 0)
        die("%s belongs to another search", path);
    while (fgets(line, sizeof line, all.checkpoint) != NULL) {
        struct trail trail;
        double at;
        char newline; /* a last line may be incomplete */
        if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNu64 " %lf%c", &trail.end, &trail.start, &trail.length, &at,
                   &newline) != 5)
            continue;
        all.before = at;
        if (trail.length == 0 || !is_end(job, trail.end))
            die("%s has a line that is no trail: %s", path, line);
        take(trail);
    }
    fseek(all.checkpoint, 0, SEEK_END);
    if (strchr(line, '\n') == NULL)
        fputc('\n', all.checkpoint);
    fprintf(stderr, "%zu trails taken up from %s\n", all.count, path);
}

/* ---- The answer ---- */

static void print_hex(const char *before, const uint8_t *bytes, size_t length, const char *after)
{
    fputs(before, stdout);
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    fputs(after, stdout);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_found(struct job *job)
{
    uint8_t value[RECORDS][DIGEST];
    for (int i = 0; i < RECORDS; i++)
        derive(job, all.found[i], value[i]);
    if (state_of(job, value[0]) != state_of(job, value[1]))
        die("what was found is no collision");
    printf("{\n  \"about\": ");
    print_string("Two records with one record hash: see README.md. Bytes in hex, canonical forms as text.");
    printf(",\n  \"suite\": 1,\n  \"provider_code\": ");
    print_string(job->provider_code);
    printf(",\n  \"schema_id\": ");
    print_string(job->schema_id);
    print_hex(",\n  \"schema_hash\": \"", job->schema_hash, 32, "\"");
    print_hex(",\n  \"salt\": \"", job->salt, 32, "\"");
    print_hex(",\n  \"record_hash\": \"", value[0], 8, "\"");
    printf(",\n  \"records\": [");
    for (int i = 0; i < RECORDS; i++) {
        printf("%s\n    {\n      \"canonical\": ", i == 0 ? "" : ",");
        print_string(job->templates[i].text);
        print_hex(",\n      \"commitment\": \"", value[i] + 8, DIGEST - 8, "\"\n    }");
    }
    printf("\n  ],\n  \"search\": {\n    \"equal_bits\": %d,\n", job->bits);
    printf("    \"evaluations\": %" PRIu64 ",\n", all.steps);
    printf("    \"seconds\": %.0f,\n    \"threads\": %d\n  }\n}\n", seconds(), all.threads);
}

static void report_progress(void)
{
    pthread_mutex_lock(&all.lock);
    fprintf(stderr, "%8.0f s  %.3e evaluations  %.2f million/s  %zu trails, %" PRIu64 " pairs merged: %" PRIu64
            " of one template, %" PRIu64 " robin hoods\n", seconds(), (double)all.steps,
            1e-6 * (double)all.steps / seconds(), all.count, all.merged, all.same_template, all.robin_hoods);
    pthread_mutex_unlock(&all.lock);
}

static int number(const char *text, int least, int greatest)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < least || n > greatest)
        die("%s is not a number from %d to %d", text, least, greatest);
    return (int)n;
}

int main(int argc, char **argv)
{
    static struct job job = {.bits = 64, .distinguished = -1, .step = step_portable};
    const char *checkpoint = NULL;
    pthread_t threads[256];
    bool portable = false;
    int option;
    all.threads = 2;
    while ((option = getopt(argc, argv, "b:d:t:c:p")) != -1) {
        switch (option) {
        case 'b': job.bits = number(optarg, 16, 64); break;
        case 'd': job.distinguished = number(optarg, 1, 40); break;
        case 't': all.threads = number(optarg, 1, 256); break;
        case 'c': checkpoint = optarg; break;
        case 'p': portable = true; break;
        default: return 2;
        }
    }
    if (optind + 1 != argc)
        die("usage: search [-t threads] [-c checkpoint] [-b bits] [-d bits] [-p] templates.txt");
    if (job.distinguished < 0)
        job.distinguished = job.bits > 28 ? job.bits / 2 - 12 : 2;
    if (job.distinguished >= job.bits)
        die("more distinguished bits than bits");
#ifdef HAVE_X86
    if (!portable && has_sha_ni())
        job.step = step_sha_ni;
#endif
    all.job = &job;
    read_job(&job, argv[optind]);
    check_steps(&job);
    all.began = now();
    if (checkpoint != NULL)
        open_checkpoint(&job, checkpoint);
    all.began = now();
    fprintf(stderr, "%d bits, ends of trails with %d zero bits, %d threads, %s\n", job.bits, job.distinguished,
            all.threads, job.step == step_portable ? "portable" : "SHA-NI");
    for (int i = 0; i < all.threads; i++)
        if (pthread_create(&threads[i], NULL, walk, NULL) != 0)
            die("cannot start a thread");
    for (double last = now(); !all.done; usleep(20000)) {
        if (now() - last >= 10) {
            report_progress();
            last = now();
        }
    }
    for (int i = 0; i < all.threads; i++)
        pthread_join(threads[i], NULL);
    report_progress();
    print_found(&job);
    return fflush(stdout) == 0 ? 0 : 1;
}
