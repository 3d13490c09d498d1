/** The inputs that the native engine has to bear (native/fuzz/corpus/), with gcc's sanitizers in it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildTarget, corpusOf, REPLAY, TARGETS } from '../../dev/sanitized.js';

for (const target of TARGETS) {
  test(`no input of ${target} makes the native engine read or write what is not its own, leak, or break a promise`, () => {
    const inputs = readdirSync(corpusOf(target)).map((name) => join(corpusOf(target), name));
    const { status, stdout, stderr } = spawnSync(buildTarget(target, REPLAY), inputs, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `${inputs.length}\n`);
  });
}
