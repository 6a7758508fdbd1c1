// Draws the Vega-Lite specification on standard input as SVG.
import { readFileSync } from "node:fs";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const view = new View(parse(compile(JSON.parse(readFileSync(0, "utf8"))).spec), { renderer: "none" });
process.stdout.write(`${await view.toSVG()}\n`);
