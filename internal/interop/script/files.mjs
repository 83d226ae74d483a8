import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Parse, ask, asMaster, rest, url } from './app.mjs';

const get = (address, headers) => fetch(address, { headers });
const hash = bytes => createHash('sha256').update(bytes).digest('hex');

test('a file goes up and comes down', async () => {
  const bytes = Buffer.from('Hello, wörld 👋');
  const { name, url: address } = await rest('POST', '/files/hello.txt', { body: bytes, headers: { 'Content-Type': 'text/plain' } });
  assert.match(name, /^[0-9a-f]{32}_hello\.txt$/);
  assert.equal(address, `${url}/files/app/${name}`);
  const response = await get(address);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /text\/plain/);
  assert.equal(Buffer.from(await response.arrayBuffer()).toString(), bytes.toString());
});

test('an empty file is no file', async () => {
  await assert.rejects(rest('POST', '/files/empty.txt', { body: new Uint8Array(0), headers: { 'Content-Type': 'text/plain' } }), /130/);
});

test('5 MB, as a whole and in parts', async () => {
  const bytes = randomBytes(5 << 20);
  const { url: address } = await rest('POST', '/files/large.bin', { body: bytes, headers: { 'Content-Type': 'application/octet-stream' } });
  const whole = Buffer.from(await (await get(address)).arrayBuffer());
  assert.equal(hash(whole), hash(bytes));
  const part = await get(address, { Range: 'bytes=261000-525000' });
  assert.equal(part.status, 206);
  assert.equal(hash(Buffer.from(await part.arrayBuffer())), hash(bytes.subarray(261000, 525001)));
});

test('files of an object', async () => {
  const file = new Parse.File('note.txt', [...Buffer.from('a note')], 'text/plain');
  file.addMetadata('by', 'ada');
  await file.save(asMaster);
  const object = await new (Parse.Object.extend('Letter'))({ file, files: [file] }).save(null, asMaster);
  const read = await ask(`/classes/Letter/${object.id}`);
  assert.deepEqual(read.file, { __type: 'File', name: file.name(), url: file.url() });
  assert.deepEqual(read.files, [read.file]);
  const { metadata } = await rest('GET', `/files/app/metadata/${file.name()}`);
  assert.deepEqual(metadata, { by: 'ada' });
});

test('a file is deleted', async () => {
  const file = new Parse.File('gone.txt', [1, 2, 3], 'text/plain');
  await file.save(asMaster);
  const address = file.url();
  await file.destroy(asMaster);
  assert.equal((await get(address)).status, 404);
});
