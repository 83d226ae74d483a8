import assert from 'node:assert/strict';
import { test } from 'node:test';
import { find, names, request, rest, save } from './app.mjs';

test('an index over texts', async () => {
  await rest('POST', '/schemas/Article', { body: {
    className: 'Article', fields: { name: { type: 'String' }, body: { type: 'String' } }, indexes: { search: { body: 'text' } },
  } });
  await save('Article',
    { name: 'beans', body: 'Coffee is brewed from roasted coffee beans; coffee!' },
    { name: 'cake', body: 'Cake goes well with coffee.' },
    { name: 'café', body: 'The Café sells cakes and tea.' },
    { name: 'tea', body: 'Tea is made from leaves.' },
  );
});

const search = ($term, more) => ({ body: { $text: { $search: { $term, ...more } } } });

test('words', async () => {
  assert.deepEqual(await names('Article', search('coffee')), ['beans', 'cake']);
  assert.deepEqual(await names('Article', search('cakes')), ['café', 'cake']);
  assert.deepEqual(await names('Article', search('leaves roasted')), ['beans', 'tea']);
  assert.deepEqual(await names('Article', search('coffee -cake')), ['beans']);
  assert.deepEqual(await names('Article', search('"goes well"')), ['cake']);
  assert.deepEqual(await names('Article', search('nothing')), []);
});

test('languages, cases and accents', async () => {
  assert.deepEqual(await names('Article', search('cafe')), ['café']);
  assert.deepEqual(await names('Article', search('cafe', { $diacriticSensitive: true })), []);
  assert.deepEqual(await names('Article', search('Coffee', { $caseSensitive: true })), ['beans']);
  assert.deepEqual(await names('Article', search('café', { $diacriticSensitive: true })), ['café']);
  assert.deepEqual(await names('Article', search('cakes', { $language: 'none' })), []);
});

test('the best first', async () => {
  const found = await find('Article', search('coffee'), { order: '$score', keys: 'name,$score' });
  assert.deepEqual(found.map(a => a.name), ['beans', 'cake']);
  assert.ok(found[0].score > found[1].score && found[1].score > 0, JSON.stringify(found));
});

test('an index comes about with the first search', async () => {
  await save('Poem', { name: 'night', body: 'Tyger Tyger, burning bright' }, { name: 'day', body: 'Shall I compare thee' });
  assert.deepEqual(await names('Poem', search('tyger')), ['night']);
});

test('together with other constraints', async () => {
  assert.deepEqual(await names('Article', { ...search('coffee'), name: { $ne: 'cake' } }), ['beans']);
});

test('what is no search is refused', async () => {
  const { body } = await request('GET', '/classes/Article', { params: { where: { body: { $text: { $search: { $term: 1 } } } } } });
  assert.equal(body.code, 107);
});
