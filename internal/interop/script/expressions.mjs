import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pipeline } from './aggregate.mjs';

test('parts of dates', async () => {
  const byMonth = await pipeline({ $group: { _id: { month: { $month: '$at' } }, n: { $sum: 1 } } }, { $sort: { '_id.month': 1 } });
  assert.deepEqual(byMonth.map(g => [g.objectId.month, g.n]), [[1, 1], [2, 2], [3, 1]]);
  const [text] = await pipeline({ $match: { name: 'c' } }, { $project: { day: { $dateToString: { date: '$at', format: '%Y-%m-%d %H:%M' } } } });
  assert.equal(text.day, '2024-02-10 10:00');
});

test('parts of texts: the objects that pointers point to', async () => {
  const joined = await pipeline(
    { $match: { item: 'tea' } },
    { $project: { name: 1, buyerId: { $substrCP: ['$_p_buyer', 6, 10] } } },
    { $lookup: { from: 'Buyer', localField: 'buyerId', foreignField: '_id', as: 'who' } },
    { $unwind: '$who' }, { $sort: { name: 1 } },
    { $project: { name: 1, region: '$who.region' } },
  );
  assert.deepEqual(joined.map(s => [s.name, s.region]), [['a', 'north'], ['b', 'south']]);
});

test('sums, texts and conditions', async () => {
  const [projected] = await pipeline({ $match: { name: 'd' } }, { $project: { _id: 0, weight: '$detail.weight', cost: { $add: ['$price', 1] }, label: { $concat: ['$item', '!'] }, cheap: { $cond: [{ $lt: ['$price', 3] }, true, false] } } });
  assert.deepEqual(projected, { weight: 250, cost: 5, label: 'jam!', cheap: false });
});

test('lists', async () => {
  const [first] = await pipeline({ $match: { name: 'a' } }, { $project: {
    size: { $size: '$tags' }, last: { $arrayElemAt: ['$tags', -1] },
    loud: { $map: { input: '$tags', as: 'tag', in: { $toUpper: '$$tag' } } },
    short: { $filter: { input: '$tags', as: 'tag', cond: { $lt: [{ $strLenCP: '$$tag' }, 4] } } },
  } });
  const { objectId, ...values } = first;
  assert.deepEqual(values, { size: 2, last: 'green', loud: ['HOT', 'GREEN'], short: ['hot'] });
});
