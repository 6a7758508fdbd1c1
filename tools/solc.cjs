// Answers as the native solc does to `--version` and `--standard-json`, with npm's WebAssembly build of the same compiler.
// Not `solcjs`: that one prints a remark about SMT solvers before the JSON.
"use strict";

const { readFileSync } = require("node:fs");
const solc = require("solc");

const options = process.argv.slice(2);
if (options.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (options.includes("--standard-json")) {
  process.stdout.write(`${solc.compile(readFileSync(0, "utf8"))}\n`);
} else {
  process.stderr.write("Only --version and --standard-json are served.\n");
  process.exitCode = 1;
}
