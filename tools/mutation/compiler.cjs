// Compiles one standard JSON input a line, one output a line, until its input ends. A process that stays compiles a mutant
// in half a second; solc started anew takes two.
"use strict";

const { createInterface } = require("node:readline");
const solc = require("solc");

createInterface({ input: process.stdin }).on("line", (line) => process.stdout.write(`${solc.compile(line)}\n`));
