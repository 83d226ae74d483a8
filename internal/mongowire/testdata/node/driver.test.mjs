// MongoDB's own Node.js driver on the database that MONGODB_URI names, which may
// be a real one: what is asked here, both must answer.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MongoClient, MongoServerError, GridFSBucket, ObjectId, Decimal128, Long, Binary } from 'mongodb';

const client = new MongoClient(process.env.MONGODB_URI, { serverSelectionTimeoutMS: 5000 });
const db = client.db('test');
const things = db.collection('things');

before(() => client.connect());
after(() => client.close());
beforeEach(() => things.drop().catch(error => assert.equal(error.code, 26)));

const numbered = n => Array.from({ length: n }, (_, i) => ({ _id: i, n: i, even: i % 2 === 0 }));
const fails = (code, check = () => {}) => error => {
  assert.ok(error instanceof MongoServerError, String(error));
  assert.equal(error.code, code);
  check(error);
  return true;
};

test('values come back as they were', async () => {
  const doc = {
    _id: new ObjectId(), text: 'ä€😀', int: 42, double: 1.5, long: Long.fromString('9007199254740993'), yes: true,
    none: null, date: new Date(1700000000123), bytes: new Binary(Buffer.from([0, 1, 2])), decimal: Decimal128.fromString('1.10'),
    pattern: /^a.c$/i, list: [1, 'two', { three: [3] }], nested: { 'with.dot': { deep: true } },
  };
  const { insertedId } = await things.insertOne(doc);
  assert.deepEqual(insertedId, doc._id);
  assert.deepEqual(await things.findOne({ _id: doc._id }, { promoteLongs: false }), { ...doc, int: doc.int });
});

test('an _id is made for what has none', async () => {
  const { insertedIds } = await things.insertMany([{ a: 1 }, { a: 2 }]);
  assert.ok(insertedIds[1] instanceof ObjectId);
  assert.equal((await things.findOne({ _id: insertedIds[1] })).a, 2);
});

test('a cursor reads over batches', async () => {
  assert.equal((await things.insertMany(numbered(300))).insertedCount, 300);
  assert.deepEqual((await things.find().sort({ n: 1 }).toArray()).map(d => d.n), numbered(300).map(d => d.n));
  const seen = [];
  for await (const { n } of things.find({ even: true }, { batchSize: 7 }).sort({ n: -1 }).skip(10).limit(40)) seen.push(n);
  assert.deepEqual(seen, Array.from({ length: 40 }, (_, i) => 278 - 2 * i));
});

test('a cursor may be left half-way', async () => {
  await things.insertMany(numbered(300));
  const cursor = things.find({}, { batchSize: 5 });
  assert.ok(await cursor.next());
  await cursor.close();
  const many = Array.from({ length: 20 }, () => things.find({}, { batchSize: 50 }).toArray());
  for (const docs of await Promise.all(many)) assert.equal(docs.length, 300);
});

test('filters, projections, counts, distinct values', async () => {
  await things.insertMany(numbered(20));
  assert.deepEqual(await things.findOne({ n: { $gte: 7 }, even: true }, { projection: { _id: 0, n: 1 } }), { n: 8 });
  assert.equal(await things.findOne({ n: 99 }), null);
  assert.equal(await things.countDocuments({ n: { $lt: 5 } }), 5);
  assert.equal(await things.countDocuments({}, { skip: 15, limit: 10 }), 5);
  assert.equal(await things.estimatedDocumentCount(), 20);
  assert.deepEqual((await things.distinct('even', { n: { $gt: 3 } })).sort(), [false, true]);
});

test('updates', async () => {
  await things.insertMany(numbered(10));
  const one = await things.updateOne({ even: true }, { $set: { x: 1 }, $inc: { n: 100 } });
  assert.deepEqual([one.matchedCount, one.modifiedCount, one.upsertedCount], [1, 1, 0]);
  const many = await things.updateMany({ even: true }, { $set: { x: 1 } });
  assert.deepEqual([many.matchedCount, many.modifiedCount], [5, 4]);
  const upsert = await things.updateOne({ _id: 'new' }, { $set: { x: 2 } }, { upsert: true });
  assert.deepEqual([upsert.matchedCount, upsert.upsertedCount, upsert.upsertedId], [0, 1, 'new']);
  await assert.rejects(things.updateOne({ _id: 'new' }, { $inc: { x: 'y' } }), fails(14));
  await assert.rejects(things.updateOne({}, { $nope: { x: 1 } }), fails(9));
});

test('whole documents are replaced', async () => {
  await things.insertMany(numbered(3));
  const one = await things.replaceOne({ n: 1 }, { other: true });
  assert.deepEqual([one.matchedCount, one.modifiedCount], [1, 1]);
  assert.deepEqual(await things.findOne({ _id: 1 }), { _id: 1, other: true });
  const upsert = await things.replaceOne({ _id: 9 }, { other: false }, { upsert: true });
  assert.deepEqual([upsert.matchedCount, upsert.upsertedId], [0, 9]);
  assert.deepEqual(await things.findOne({ _id: 9 }), { _id: 9, other: false });
});

test('find one and update, replace, delete', async () => {
  await things.insertMany(numbered(5));
  assert.equal((await things.findOneAndUpdate({ even: true }, { $inc: { n: 10 } }, { sort: { n: -1 } })).n, 4);
  assert.equal((await things.findOneAndUpdate({ _id: 4 }, { $inc: { n: 10 } }, { returnDocument: 'after' })).n, 24);
  assert.equal(await things.findOneAndUpdate({ _id: 77 }, { $set: { n: 1 } }), null);
  const upserted = await things.findOneAndUpdate({ _id: 77 }, { $set: { n: 1 } }, { upsert: true, includeResultMetadata: true });
  assert.deepEqual([upserted.value, upserted.lastErrorObject], [null, { n: 1, updatedExisting: false, upserted: 77 }]);
  assert.deepEqual(await things.findOneAndReplace({ _id: 77 }, { m: 2 }, { returnDocument: 'after' }), { _id: 77, m: 2 });
  assert.equal((await things.findOneAndDelete({ n: { $lt: 9 } }, { sort: { n: -1 } })).n, 3);
  assert.equal(await things.findOneAndDelete({ n: 3 }), null);
});

test('deletions', async () => {
  await things.insertMany(numbered(10));
  assert.equal((await things.deleteOne({ even: true })).deletedCount, 1);
  assert.equal((await things.deleteMany({ even: true })).deletedCount, 4);
  assert.equal((await things.deleteMany({ even: true })).deletedCount, 0);
  assert.equal(await things.countDocuments(), 5);
});

test('bulk writes', async () => {
  const result = await things.bulkWrite([
    { insertOne: { document: { _id: 1, n: 1 } } },
    { updateOne: { filter: { _id: 1 }, update: { $inc: { n: 1 } } } },
    { replaceOne: { filter: { _id: 2 }, replacement: { n: 5 }, upsert: true } },
    { deleteOne: { filter: { _id: 1 } } },
  ]);
  assert.deepEqual([result.insertedCount, result.modifiedCount, result.upsertedCount, result.deletedCount], [1, 1, 1, 1]);
  assert.deepEqual(await things.find().toArray(), [{ _id: 2, n: 5 }]);
});

test('pipelines', async () => {
  await things.insertMany(numbered(200));
  const docs = await things.aggregate([{ $match: { even: true } }, { $sort: { n: -1 } }, { $skip: 1 }, { $limit: 2 }, { $project: { n: 1, _id: 0 } }]).toArray();
  assert.deepEqual(docs, [{ n: 196 }, { n: 194 }]);
  assert.deepEqual(await things.aggregate([{ $match: { even: true } }, { $count: 'many' }]).toArray(), [{ many: 100 }]);
  assert.equal((await things.aggregate([{ $sort: { n: 1 } }], { batchSize: 30 }).toArray()).length, 200);
});

test('indexes', async () => {
  assert.equal(await things.createIndex({ name: 1, n: -1 }, { unique: true }), 'name_1_n_-1');
  await things.createIndex({ at: 1 }, { expireAfterSeconds: 60, name: 'ttl' });
  const indexes = await things.listIndexes().toArray();
  assert.deepEqual(indexes.map(({ name, key, unique }) => ({ name, key, unique: !!unique })), [
    { name: '_id_', key: { _id: 1 }, unique: false },
    { name: 'name_1_n_-1', key: { name: 1, n: -1 }, unique: true },
    { name: 'ttl', key: { at: 1 }, unique: false },
  ]);
  await assert.rejects(things.createIndex({ name: 1 }, { name: 'ttl' }), error => [85, 86].includes(error.code));
  await things.dropIndex('ttl');
  await assert.rejects(things.dropIndex('ttl'), fails(27));
  assert.equal(await things.indexExists('name_1_n_-1'), true);
});

test('a duplicate key says of which index', async () => {
  await things.createIndex({ name: 1 }, { unique: true });
  await things.insertOne({ _id: 1, name: 'ann' });
  const duplicate = index => error => assert.match(error.message, new RegExp(`^E11000 duplicate key error collection: test.things index: ${index} dup key`));
  await assert.rejects(things.insertOne({ _id: 1 }), fails(11000, error => {
    assert.deepEqual(error.keyPattern, { _id: 1 });
    duplicate('_id_')(error);
  }));
  await assert.rejects(things.insertOne({ name: 'ann' }), fails(11000, error => {
    assert.deepEqual(error.keyPattern, { name: 1 });
    duplicate('name_1')(error);
  }));
  await things.insertOne({ _id: 2, name: 'ben' });
  await assert.rejects(things.findOneAndUpdate({ _id: 2 }, { $set: { name: 'ann' } }), fails(11000, duplicate('name_1')));
  await assert.rejects(things.insertMany([{ name: 'c' }, { name: 'ann' }, { name: 'd' }], { ordered: false }), error => {
    assert.deepEqual([error.code, error.result.insertedCount, error.writeErrors.length, error.writeErrors[0].index], [11000, 2, 1, 1]);
    return true;
  });
});

test('a transaction happens as a whole or not at all', async () => {
  await things.insertOne({ _id: 1, n: 0 });
  await client.withSession(async session => {
    session.startTransaction();
    await things.insertOne({ _id: 2 }, { session });
    await things.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
    assert.equal(await things.countDocuments({}, { session }), 2);
    assert.equal(await things.countDocuments(), 1);
    await session.abortTransaction();
    assert.deepEqual(await things.find().toArray(), [{ _id: 1, n: 0 }]);

    await session.withTransaction(async () => {
      await things.insertOne({ _id: 2 }, { session });
      await things.replaceOne({ _id: 1 }, { n: 5 }, { session });
    });
    assert.deepEqual(await things.find().sort({ _id: 1 }).toArray(), [{ _id: 1, n: 5 }, { _id: 2 }]);
  });
});

test('transactions that meet are tried again', async () => {
  await things.insertOne({ _id: 'counter', n: 0 });
  const increment = () => client.withSession(session => session.withTransaction(async () => {
    const { n } = await things.findOne({ _id: 'counter' }, { session });
    await things.updateOne({ _id: 'counter' }, { $set: { n: n + 1 } }, { session });
  }));
  await Promise.all(Array.from({ length: 5 }, increment));
  assert.equal((await things.findOne()).n, 5);
});

test('collections', async () => {
  await things.insertOne({ a: 1 });
  await db.createCollection('empty');
  const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map(c => c.name).sort();
  assert.deepEqual(names, ['empty', 'things']);
  assert.equal((await db.listCollections({ name: 'empty' }).toArray())[0].type, 'collection');
  assert.equal(await db.dropCollection('empty'), true);
  assert.deepEqual((await db.collections()).map(c => c.collectionName), ['things']);
  assert.equal((await db.command({ ping: 1 })).ok, 1);
  const { databases } = await client.db().admin().listDatabases();
  assert.ok(databases.some(d => d.name === 'test'));
});

test('what is not there or not known is an error', async () => {
  await assert.rejects(db.command({ nope: 1 }), fails(59));
  await assert.rejects(things.find({ a: { $nope: 1 } }).toArray(), fails(2));
  await assert.rejects(things.aggregate([{ $nope: 1 }]).toArray(), fails(40324));
});

test('what is written is told of as it happens', async () => {
  const stream = things.watch([{ $match: { operationType: { $ne: 'delete' } } }], { fullDocument: 'updateLookup' });
  const seen = [];
  await stream.tryNext(); // opens it
  await things.insertOne({ _id: 1, n: 1 });
  await things.updateOne({ _id: 1 }, { $inc: { n: 1 } });
  await things.deleteOne({ _id: 1 });
  await things.insertOne({ _id: 2 });
  while (seen.length < 3) seen.push(await stream.next());
  assert.deepEqual(seen.map(c => [c.operationType, c.documentKey._id, c.fullDocument]), [
    ['insert', 1, { _id: 1, n: 1 }], ['update', 1, { _id: 1, n: 2 }], ['insert', 2, { _id: 2 }],
  ]);
  const { _id: token } = seen[0];
  await stream.close();
  const again = things.watch([], { resumeAfter: token });
  assert.equal((await again.next()).operationType, 'update');
  await again.close();
});

test('listeners are told of changes to a database', async () => {
  const stream = db.watch();
  const told = new Promise((resolve, reject) => { stream.on('change', resolve); stream.on('error', reject); });
  // The stream opens by itself some time: what is written before is not told of.
  let n = 0;
  const writing = setInterval(() => things.insertOne({ n: n++ }).catch(() => {}), 20);
  const change = await told;
  clearInterval(writing);
  assert.deepEqual([change.operationType, change.ns], ['insert', { db: 'test', coll: 'things' }]);
  await stream.close();
});

test('files in GridFS', async () => {
  const bucket = new GridFSBucket(db, { chunkSizeBytes: 64 * 1024 });
  const content = randomBytes(300_000);
  const upload = bucket.openUploadStream('picture.png', { metadata: { owner: 'ann' } });
  await pipeline(Readable.from([content]), upload);
  const [file] = await bucket.find({ filename: 'picture.png' }).toArray();
  assert.deepEqual([file.length, file.chunkSize, file.metadata], [300_000, 64 * 1024, { owner: 'ann' }]);
  const parts = [];
  for await (const part of bucket.openDownloadStream(file._id)) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(content));
  const some = [];
  for await (const part of bucket.openDownloadStreamByName('picture.png', { start: 70_000, end: 140_000 })) some.push(part);
  assert.ok(Buffer.concat(some).equals(content.subarray(70_000, 140_000)));
  const indexes = (await db.collection('fs.chunks').indexes()).map(({ name, unique }) => [name, !!unique]);
  assert.deepEqual(indexes, [['_id_', false], ['files_id_1_n_1', true]]);
  await bucket.rename(file._id, 'other.png');
  await bucket.delete(file._id);
  assert.equal(await db.collection('fs.chunks').countDocuments(), 0);
});

test('unordered writes go on after an error', async () => {
  await things.insertOne({ _id: 2 });
  await assert.rejects(things.bulkWrite([
    { insertOne: { document: { _id: 1 } } },
    { insertOne: { document: { _id: 2 } } },
    { updateOne: { filter: { _id: 1 }, update: { $set: { a: 1 } }, hint: '_id_' } },
    { updateOne: { filter: { _id: 1 }, update: { $nope: 1 } } },
    { deleteOne: { filter: { _id: 2 } } },
  ], { ordered: false }), error => {
    assert.deepEqual(error.writeErrors.map(e => [e.index, e.code]), [[1, 11000], [3, 9]]);
    assert.deepEqual([error.result.insertedCount, error.result.modifiedCount, error.result.deletedCount], [1, 1, 1]);
    return true;
  });
});

test('sessions read what they wrote', async () => {
  await client.withSession({ causalConsistency: true }, async session => {
    await things.insertOne({ _id: 1 }, { session, writeConcern: { w: 'majority' } });
    assert.deepEqual(await things.find({}, { session, readConcern: { level: 'majority' } }).toArray(), [{ _id: 1 }]);
  });
});
