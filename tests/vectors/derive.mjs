// A stranger's derivation: docs/PROTOCOL.md, section 3, from its rules alone, with nothing but node:crypto.
// Reads a derivation as JSON from standard input, writes its record hash and commitment as JSON.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const lp = (items) =>
  Buffer.concat(items.flatMap((item) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(item.length);
    return [length, item];
  }));

const given = JSON.parse(readFileSync(0, "utf8"));
const message = lp([
  Buffer.from("creditconnect/record", "ascii"),
  Buffer.from([1]),
  Buffer.from([given.suite]),
  Buffer.from(given.provider_code, "ascii"),
  Buffer.from(given.schema_hash, "hex"),
  Buffer.from(given.canonical, "utf8"),
]);
const hash = { 1: "sha256", 2: "sm3" }[given.suite];
const value = createHmac(hash, Buffer.from(given.salt, "hex")).update(message).digest("hex");
console.log(JSON.stringify({ record_hash: value.slice(0, 16), commitment: value.slice(16) }));
