// The creation code of the peers' contracts as their authors published it, read out of their packages, with the versions.
"use strict";

const { readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { DocumentStoreFactory } = require("@govtechsg/document-store");
const { DocumentStore__factory } = require("@trustvc/document-store");

const EAS = "@ethereum-attestation-service/eas-contracts";

const artifact = (name) => require(`${EAS}/artifacts/contracts/${name}.sol/${name}.json`).bytecode;

// A package may not export its package.json: it is the nearest one above what it does export.
function versionOf(name) {
  for (let folder = dirname(require.resolve(name)); ; folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name) return `${name} ${found.version}`;
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
}

const published = {
  SchemaRegistry: { package: versionOf(EAS), bytecode: artifact("SchemaRegistry") },
  EAS: { package: versionOf(EAS), bytecode: artifact("EAS") },
  DocumentStoreV3: { package: versionOf("@govtechsg/document-store"), bytecode: DocumentStoreFactory.bytecode },
  DocumentStoreV4: { package: versionOf("@trustvc/document-store"), bytecode: DocumentStore__factory.bytecode },
};
process.stdout.write(JSON.stringify(published));
