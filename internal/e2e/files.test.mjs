import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, appId, asMaster, freshClass, initialize, other, url } from './loam.mjs';

const text = 'Hello, Grüße, 日本';
const bytes = [...Buffer.from(text)];

async function content(file, headers = {}) {
  const response = await fetch(file.url(), { headers });
  return { status: response.status, type: response.headers.get('content-type'), body: Buffer.from(await response.arrayBuffer()) };
}

test('a file of bytes', async () => {
  const file = await new Parse.File('hello.txt', bytes).save();
  assert.match(file.name(), /^[0-9a-f]{32}_hello\.txt$/);
  assert.equal(file.url(), `${url}/files/${appId}/${file.name()}`);
  const { status, type, body } = await content(file);
  assert.equal(status, 200);
  assert.equal(type, 'text/plain; charset=utf-8');
  assert.equal(body.toString(), text);
});

test('a file of base64, with its type', async () => {
  const file = await new Parse.File('picture', { base64: Buffer.from([0x89, 0x50, 0, 255]).toString('base64') }, 'image/png').save();
  assert.match(file.name(), /_picture\.png$/);
  const { type, body } = await content(file);
  assert.equal(type, 'image/png');
  assert.deepEqual([...body], [0x89, 0x50, 0, 255]);
});

test('a file of a data URL', async () => {
  const file = await new Parse.File('hello.txt', { base64: `data:text/plain;base64,${Buffer.from(text).toString('base64')}` }).save();
  assert.equal((await content(file)).body.toString(), text);
});

test('a file of a megabyte', async () => {
  const big = Buffer.alloc(1 << 20, 'loam');
  const file = await new Parse.File('big.bin', [...big]).save();
  assert.ok((await content(file)).body.equals(big));
});

test('a part of a file', async () => {
  const file = await new Parse.File('hello.txt', bytes).save();
  const part = await content(file, { Range: 'bytes=7-12' });
  assert.equal(part.status, 206);
  assert.equal(part.body.toString(), text.slice(7, 11));
  assert.equal((await content(file, { Range: 'bytes=1000-' })).status, 416);
});

test('a file of an object', async () => {
  const Note = freshClass('Note');
  const note = await new Note({ attachment: new Parse.File('hello.txt', bytes) }).save();
  const read = await new Parse.Query(Note).get(note.id);
  const file = read.get('attachment');
  assert.ok(file instanceof Parse.File);
  assert.equal(file.url(), note.get('attachment').url());
  assert.equal(Buffer.from(await file.getData(), 'base64').toString(), text);
  await read.save({ list: [file], deep: { file } });
  const again = await new Parse.Query(Note).get(note.id);
  assert.equal(again.get('list')[0].url(), file.url());
  assert.equal(again.get('deep').file.url(), file.url());
});

test('metadata and tags', async () => {
  const file = new Parse.File('hello.txt', bytes);
  file.addMetadata('author', 'Ann');
  file.setTags({ kind: 'note' });
  await file.save();
  const known = await (await fetch(`${url}/files/${appId}/metadata/${file.name()}`)).json();
  assert.deepEqual(known, { metadata: { author: 'Ann' }, tags: { kind: 'note' } });
});

test('a file is deleted with the master key', async () => {
  const file = await new Parse.File('hello.txt', bytes).save();
  await file.destroy(asMaster);
  assert.equal((await content(file)).status, 404);
});

test('a page is refused', async () => {
  await assert.rejects(new Parse.File('page.html', bytes).save(), { code: Parse.Error.FILE_SAVE_ERROR });
});

test('the public may not upload unless the app says so', async () => {
  initialize(other);
  try {
    await assert.rejects(new Parse.File('hello.txt', bytes).save(), { code: Parse.Error.FILE_SAVE_ERROR });
    await new Parse.File('hello.txt', bytes).save(asMaster);
  } finally {
    initialize();
  }
});
