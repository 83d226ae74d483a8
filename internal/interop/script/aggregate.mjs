import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, ask, asMaster, people, request, save } from './app.mjs';

const date = iso => ({ __type: 'Date', iso });
let buyers;

test('some sales', async () => {
  buyers = await save('Buyer', { name: 'Ann', region: 'north', likes: 'tea' }, { name: 'Bob', region: 'south', likes: 'jam' });
  await save('Sale',
    { name: 'a', item: 'tea', price: 2, amount: 10, at: date('2024-01-05T10:00:00.000Z'), buyer: buyers.Ann, tags: ['hot', 'green'] },
    { name: 'b', item: 'tea', price: 3, amount: 5, at: date('2024-02-05T10:00:00.000Z'), buyer: buyers.Bob, tags: ['hot'] },
    { name: 'c', item: 'cake', price: 5.5, amount: 2, at: date('2024-02-10T10:00:00.000Z'), buyer: buyers.Ann, tags: [] },
    { name: 'd', item: 'jam', price: 4, amount: 1, at: date('2024-03-01T10:00:00.000Z'), detail: { weight: 250 } },
  );
});

export const pipeline = async (...stages) => (await ask('/aggregate/Sale', { pipeline: stages })).results;

test('$group', async () => {
  const groups = await pipeline({ $group: { _id: '$item', total: { $sum: { $multiply: ['$price', '$amount'] } }, dearest: { $max: '$price' }, count: { $sum: 1 } } }, { $sort: { _id: 1 } });
  assert.deepEqual(groups, [
    { objectId: 'cake', total: 11, dearest: 5.5, count: 1 },
    { objectId: 'jam', total: 4, dearest: 4, count: 1 },
    { objectId: 'tea', total: 35, dearest: 3, count: 2 },
  ]);
});

test('$group by pointers, and of all', async () => {
  const byBuyer = await pipeline({ $match: { buyer: { $exists: true } } }, { $group: { _id: '$buyer', names: { $push: '$name' } } }, { $sort: { _id: 1 } });
  assert.deepEqual(byBuyer.map(g => g.names.join('')).sort(), ['ac', 'b']);
  const [all] = await pipeline({ $group: { _id: null, mean: { $avg: '$amount' }, first: { $min: '$at' }, items: { $addToSet: '$item' } } });
  assert.equal(all.mean, 4.5);
  assert.deepEqual(all.items.sort(), ['cake', 'jam', 'tea']);
});

test('$match on pointers and dates', async () => {
  const named = async $match => (await pipeline({ $match }, { $sort: { name: 1 } })).map(s => s.name);
  assert.deepEqual(await named({ buyer: buyers.Ann.objectId }), ['a', 'c']);
  assert.deepEqual(await named({ buyer: { $in: [`Buyer$${buyers.Bob.objectId}`] } }), ['b']);
  assert.deepEqual(await named({ at: { $gte: '2024-02-01T00:00:00.000Z', $lt: '2024-03-01T00:00:00.000Z' } }), ['b', 'c']);
  assert.deepEqual(await named({ createdAt: { $gte: '2020-01-01T00:00:00.000Z' }, price: { $gt: 3 } }), ['c', 'd']);
  assert.deepEqual(await named({ $or: [{ item: 'jam' }, { tags: 'green' }] }), ['a', 'd']);
});

test('$lookup and $unwind', async () => {
  const joined = await pipeline(
    { $lookup: { from: 'Buyer', localField: 'item', foreignField: 'likes', as: 'fans' } },
    { $unwind: '$fans' }, { $sort: { name: 1 } }, { $project: { name: 1, fan: '$fans.name' } },
  );
  assert.deepEqual(joined.map(s => [s.name, s.fan]), [['a', 'Ann'], ['b', 'Ann'], ['d', 'Bob']]);
});

test('$unwind of lists', async () => {
  const unwound = await pipeline({ $unwind: { path: '$tags', preserveNullAndEmptyArrays: true } }, { $sort: { name: 1, tags: 1 } });
  assert.deepEqual(unwound.map(s => [s.name, s.tags]), [['a', 'green'], ['a', 'hot'], ['b', 'hot'], ['c', undefined], ['d', undefined]]);
});

test('$facet', async () => {
  const [facets] = await pipeline({ $facet: {
    byItem: [{ $group: { _id: '$item', n: { $sum: 1 } } }, { $sort: { n: -1, _id: 1 } }, { $limit: 1 }],
    all: [{ $count: 'n' }],
  } });
  assert.equal(facets.all[0].n, 4);
  assert.equal(facets.byItem[0].n, 2);
});

test('$sort, $skip, $limit and $sample', async () => {
  const named = async (...stages) => (await pipeline(...stages)).map(s => s.name);
  assert.deepEqual(await named({ $sort: { price: -1 } }, { $skip: 1 }, { $limit: 2 }), ['d', 'b']);
  const { body } = await request('GET', '/aggregate/Sale', { params: { pipeline: [{ $sample: { size: 2 } }] } });
  assert.equal(body.results.length, 2);
});

test('$bucket, $addFields and $count', async () => {
  const buckets = await pipeline({ $bucket: { groupBy: '$price', boundaries: [0, 3, 5], default: 'dear', output: { n: { $sum: 1 } } } });
  assert.deepEqual(buckets.map(b => [b.objectId, b.n]), [[0, 1], [3, 2], ['dear', 1]]);
  const [first] = await pipeline({ $sort: { name: 1 } }, { $limit: 1 }, { $addFields: { total: { $multiply: ['$price', '$amount'] } } });
  assert.equal(first.total, 20);
  assert.deepEqual(await pipeline({ $match: { item: 'tea' } }, { $count: 'teas' }), [{ teas: 2 }]);
});

test('distinct', async () => {
  const distinct = async (key, where) => (await ask('/aggregate/Sale', { distinct: key, ...(where && { where }) })).results.sort();
  assert.deepEqual(await distinct('item'), ['cake', 'jam', 'tea']);
  assert.deepEqual(await distinct('item', { price: { $lt: 5 } }), ['jam', 'tea']);
  assert.deepEqual(await distinct('tags'), ['green', 'hot']);
});

test('aggregation through the SDK, over people', async () => {
  const results = await new Parse.Query('_User').aggregate([{ $match: { username: 'ada' } }, { $project: { username: 1 } }], asMaster);
  assert.deepEqual(results.map(u => [u.objectId, u.username]), [[people.ada.id, 'ada']]);
});

test('what is no pipeline is refused', async () => {
  const { status } = await request('GET', '/aggregate/Sale', { params: { pipeline: [{ $none: 1 }] } });
  assert.ok(status >= 400);
  assert.equal((await request('GET', '/aggregate/Sale', { who: 'public', params: { pipeline: [] } })).status, 403);
});
