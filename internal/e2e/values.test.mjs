import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass, notOn } from './loam.mjs';

const again = object => new Parse.Query(object.className).get(object.id);

test('a geo point', async () => {
  const Place = freshClass('Place');
  const place = await new Place({ at: new Parse.GeoPoint(40.5, -30.25) }).save();
  const read = await again(place);
  assert.ok(read.get('at') instanceof Parse.GeoPoint);
  assert.equal(read.get('at').latitude, 40.5);
  assert.equal(read.get('at').longitude, -30.25);
});

test('geo points within objects and arrays', async () => {
  const Place = freshClass('Place');
  const point = new Parse.GeoPoint(1, 2);
  const place = await new Place({ list: [point], object: { point } }).save();
  const read = await again(place);
  assert.ok(read.get('list')[0].equals(point));
  assert.ok(read.get('object').point.equals(point));
});

test('a second geo point in a class is refused', notOn('postgres', 'PostgreSQL takes many'), async () => {
  const Place = freshClass('Place');
  const place = await new Place({ at: new Parse.GeoPoint(1, 2) }).save();
  await assert.rejects(place.save({ other: new Parse.GeoPoint(1, 2) }), { code: Parse.Error.INCORRECT_TYPE });
});

test('a polygon, which is closed when it comes back', async () => {
  const Area = freshClass('Area');
  const open = [[0, 0], [0, 1], [1, 1], [1, 0]];
  const area = await new Area({ polygon: new Parse.Polygon(open) }).save();
  const read = await again(area);
  assert.ok(read.get('polygon') instanceof Parse.Polygon);
  assert.deepEqual(read.get('polygon').coordinates, [...open, [0, 0]]);
});

test('a file by its name and URL', async () => {
  const Photo = freshClass('Photo');
  const file = Parse.File.fromJSON({ __type: 'File', name: 'photo.jpg', url: 'https://example.com/photo.jpg' });
  const photo = await new Photo({ file, list: [file] }).save();
  const read = await again(photo);
  assert.ok(read.get('file') instanceof Parse.File);
  assert.equal(read.get('file').name(), 'photo.jpg');
  assert.equal(read.get('list')[0].name(), 'photo.jpg');
});

test('bytes', async () => {
  const Blob = freshClass('Blob');
  const data = { __type: 'Bytes', base64: 'SGVsbG8gd29ybGQ=' };
  const blob = await new Blob({ data }).save();
  assert.deepEqual((await again(blob)).get('data'), data);
});

test('dates before 1970 and far away', async () => {
  const Event = freshClass('Event');
  for (const iso of ['1969-07-20T20:17:40.000Z', '1815-12-10T00:00:00.001Z', '9999-12-31T23:59:59.999Z']) {
    const event = await new Event({ at: new Date(iso) }).save();
    assert.equal((await again(event)).get('at').toISOString(), iso);
  }
});

test('numbers to the limits of precision', async () => {
  const Thing = freshClass();
  for (const n of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MAX_VALUE, 0.1 + 0.2, 1e21, -1e-7, 4294967296]) {
    const thing = await new Thing({ n }).save();
    assert.equal((await again(thing)).get('n'), n);
  }
});

test('text of every alphabet, quotes and control characters', async () => {
  const Thing = freshClass();
  for (const text of ['👨‍👩‍👧‍👦 🇩🇪', 'مرحبا', '日本語', '\t\n\r"\\/\b\f', '\u2028\u2029', "a'b; --", '%_$.{}']) {
    const thing = await new Thing({ text, object: { text }, array: [text] }).save();
    const read = await again(thing);
    assert.equal(read.get('text'), text);
    assert.deepEqual(read.get('object'), { text });
    assert.deepEqual(read.get('array'), [text]);
  }
});

test('a long text', async () => {
  const Thing = freshClass();
  const text = 'x'.repeat(1_000_000);
  const thing = await new Thing({ text }).save();
  assert.equal((await again(thing)).get('text').length, text.length);
});
