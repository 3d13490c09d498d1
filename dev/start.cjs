/** Runs a command's bundle (dev/bundle.mjs), with what V8 has kept of compiling it where that is of this version of Node. */
'use strict';
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

module.exports = function start(room) {
  const filename = join(__dirname, room, 'bundle.js');
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: read(`${filename}.cache`) });
  script.runInThisContext()(createRequire(filename), dirname(filename));
};

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined; // it is compiled as any other module
  }
}
