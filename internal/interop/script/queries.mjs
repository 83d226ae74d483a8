import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, ask, asMaster, find, names, request, save } from './app.mjs';

const date = iso => ({ __type: 'Date', iso });

test('some towns', async () => {
  await save('Town',
    { name: 'Aachen', n: 1, since: date('2020-01-01T00:00:00.000Z'), tags: ['spa', 'old'], info: { size: { km: 160 }, river: null }, flag: true },
    { name: 'Berlin', n: 2, since: date('2021-01-01T00:00:00.000Z'), tags: ['big', 'capital', 'old'], info: { size: { km: 891 } }, flag: false },
    { name: 'Celle', n: 2.5, tags: [], info: {}, flag: true },
    { name: 'Düren', n: -3, tags: ['old'], motto: 'line one\nline two' },
    { name: 'essen', n: 10, tags: ['big', 'new'], motto: null },
    { name: 'Fürth', tags: [1, 2, 3], motto: 'a.b*c' },
  );
});

const cases = {
  'equality': [{ n: 2 }, ['Berlin']],
  'equality of text': [{ name: 'essen' }, ['essen']],
  'equality with null is also absence': [{ motto: null }, ['Aachen', 'Berlin', 'Celle', 'essen']],
  'equality of booleans': [{ flag: true }, ['Aachen', 'Celle']],
  'equality of dates': [{ since: date('2021-01-01T00:00:00.000Z') }, ['Berlin']],
  'equality of members': [{ 'info.size.km': 891 }, ['Berlin']],
  'an element': [{ tags: 'old' }, ['Aachen', 'Berlin', 'Düren']],
  '$lt': [{ n: { $lt: 2 } }, ['Aachen', 'Düren']],
  '$lte and $gt': [{ n: { $lte: 2.5, $gt: 1 } }, ['Berlin', 'Celle']],
  '$gte of text': [{ name: { $gte: 'Celle', $lt: 'E' } }, ['Celle', 'Düren']],
  '$gt of dates': [{ since: { $gt: date('2020-06-01T00:00:00.000Z') } }, ['Berlin']],
  '$ne': [{ n: { $ne: 2 } }, ['Aachen', 'Celle', 'Düren', 'Fürth', 'essen']],
  '$ne null': [{ motto: { $ne: null } }, ['Düren', 'Fürth']],
  '$eq': [{ n: { $eq: 10 } }, ['essen']],
  '$in': [{ n: { $in: [1, 10, 99] } }, ['Aachen', 'essen']],
  '$in with null': [{ flag: { $in: [false, null] } }, ['Berlin', 'Düren', 'Fürth', 'essen']],
  '$in nothing': [{ n: { $in: [] } }, []],
  '$nin': [{ n: { $nin: [1, 2, 2.5] } }, ['Düren', 'Fürth', 'essen']],
  '$in of elements': [{ tags: { $in: ['spa', 3] } }, ['Aachen', 'Fürth']],
  '$exists': [{ motto: { $exists: true } }, ['Düren', 'Fürth', 'essen']],
  'not $exists': [{ since: { $exists: false } }, ['Celle', 'Düren', 'Fürth', 'essen']],
  '$exists of members': [{ 'info.size': { $exists: true } }, ['Aachen', 'Berlin']],
  '$all': [{ tags: { $all: ['old', 'big'] } }, ['Berlin']],
  '$all by beginnings': [{ tags: { $all: [{ $regex: '^\\Qol\\E' }, { $regex: '^\\Qca\\E' }] } }, ['Berlin']],
  '$containedBy': [{ tags: { $containedBy: ['old', 'spa', 'new'] } }, ['Aachen', 'Celle', 'Düren']],
  '$regex': [{ name: { $regex: '^[A-C]' } }, ['Aachen', 'Berlin', 'Celle']],
  '$regex without case': [{ name: { $regex: '^E', $options: 'i' } }, ['essen']],
  '$regex over lines': [{ motto: { $regex: '^line two$', $options: 'm' } }, ['Düren']],
  '$regex with dots that match all': [{ motto: { $regex: 'one.line', $options: 's' } }, ['Düren']],
  '$regex with spaces that do not count': [{ name: { $regex: ' ess  en ', $options: 'x' } }, ['essen']],
  '$regex quoted': [{ motto: { $regex: '\\Qa.b*c\\E' } }, ['Fürth']],
  '$regex beyond ASCII': [{ name: { $regex: 'ü' } }, ['Düren', 'Fürth']],
  '$or': [{ $or: [{ n: 1 }, { name: 'Fürth' }] }, ['Aachen', 'Fürth']],
  '$and': [{ $and: [{ tags: 'old' }, { tags: 'big' }] }, ['Berlin']],
  '$nor': [{ $nor: [{ tags: 'old' }, { n: { $gt: 5 } }] }, ['Celle', 'Fürth']],
  'all together': [{ $or: [{ n: { $gt: 1 }, flag: true }, { $and: [{ tags: 'old' }, { since: { $exists: false } }] }] }, ['Celle', 'Düren']],
};

for (const [title, [where, expected]] of Object.entries(cases)) {
  test(`towns by ${title}`, async () => assert.deepEqual(await names('Town', where), expected));
}

test('towns by $relativeTime', async () => {
  assert.deepEqual(await names('Town', { since: { $lt: { $relativeTime: '1 day ago' } } }), ['Aachen', 'Berlin']);
  assert.deepEqual(await names('Town', { since: { $gt: { $relativeTime: 'in 1 day' } } }), []);
});

test('towns by the times of their making', async () => {
  const [first] = await find('Town', { name: 'Aachen' });
  assert.deepEqual(await names('Town', { createdAt: { $lte: date(first.createdAt) } }), ['Aachen']);
  assert.deepEqual(await names('Town', { updatedAt: { $gte: date(first.updatedAt) }, n: { $lt: 2 } }), ['Aachen', 'Düren']);
  assert.deepEqual(await names('Town', { objectId: { $in: [first.objectId] } }), ['Aachen']);
});

test('order', async () => {
  const by = order => names('Town', undefined, { order });
  assert.deepEqual(await by('n'), ['Fürth', 'Düren', 'Aachen', 'Berlin', 'Celle', 'essen']);
  assert.deepEqual(await by('-n'), ['essen', 'Celle', 'Berlin', 'Aachen', 'Düren', 'Fürth']);
  assert.deepEqual(await by('-flag,name'), ['Aachen', 'Celle', 'Berlin', 'Düren', 'Fürth', 'essen']);
  assert.deepEqual(await by('info.size.km,-name'), ['essen', 'Fürth', 'Düren', 'Celle', 'Aachen', 'Berlin']);
  assert.deepEqual(await by('createdAt'), ['Aachen', 'Berlin', 'Celle', 'Düren', 'essen', 'Fürth']);
});

test('pages', async () => {
  assert.deepEqual(await names('Town', undefined, { limit: 2 }), ['Aachen', 'Berlin']);
  assert.deepEqual(await names('Town', undefined, { skip: 4 }), ['Fürth', 'essen']);
  assert.deepEqual(await names('Town', undefined, { skip: 1, limit: 1 }), ['Berlin']);
  assert.deepEqual(await names('Town', undefined, { skip: 10 }), []);
});

test('counts', async () => {
  const count = async where => (await ask('/classes/Town', { where, count: 1, limit: 0 })).count;
  assert.equal(await count({}), 6);
  assert.equal(await count({ tags: 'old' }), 3);
  assert.equal(await count({ n: 99 }), 0);
  const { results, count: all } = await ask('/classes/Town', { count: 1, limit: 1, order: 'name' });
  assert.deepEqual([results.length, all], [1, 6]);
});

test('keys', async () => {
  const [some] = await find('Town', { name: 'Aachen' }, { keys: 'n,info.size' });
  assert.deepEqual(Object.keys(some).sort(), ['createdAt', 'info', 'n', 'objectId', 'updatedAt']);
  const [others] = await find('Town', { name: 'Aachen' }, { excludeKeys: 'n,info,tags,flag' });
  assert.deepEqual(Object.keys(others).sort(), ['createdAt', 'name', 'objectId', 'since', 'updatedAt']);
});

test('distinct values through the SDK', async () => {
  const distinct = await new Parse.Query('Town').distinct('tags', asMaster);
  assert.deepEqual(distinct.map(String).sort(), ['1', '2', '3', 'big', 'capital', 'new', 'old', 'spa']);
});

test('a subquery\'s keys', async () => {
  await save('Visitor', { name: 'Ina', home: 'Berlin' }, { name: 'Jan', home: 'Paris' }, { name: 'Kim' });
  const query = { className: 'Town', where: { n: { $gte: 2 } } };
  assert.deepEqual(await names('Visitor', { home: { $select: { query, key: 'name' } } }), ['Ina']);
  assert.deepEqual(await names('Visitor', { home: { $dontSelect: { query, key: 'name' } } }), ['Jan', 'Kim']);
});

test('explain and hint', async () => {
  const plan = await request('GET', '/classes/Town', { params: { where: { n: 2 }, explain: true } });
  assert.equal(plan.status, 200);
  assert.ok(plan.body.results.queryPlanner ?? plan.body.results[0]?.queryPlanner, JSON.stringify(plan.body));
  assert.deepEqual(await names('Town', { n: 2 }, { hint: '_id_' }), ['Berlin']);
  assert.ok((await request('GET', '/classes/Town', { params: { hint: 'none_such' } })).status >= 400);
});

test('what is no query is refused', async () => {
  const code = async where => (await request('GET', '/classes/Town', { params: { where } })).body.code;
  assert.equal(await code({ n: { $unknown: 1 } }), 107);
  assert.equal(await code({ n: { $in: 1 } }), 107);
  assert.equal(await code({ name: { $regex: '(' } }), 1);
});
