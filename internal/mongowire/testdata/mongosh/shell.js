// What a person does in the shell. It ends with an error at the first thing that
// is not as it should be, and prints "done" at the end.
const assert = require('assert/strict');
const same = (got, want) => assert.equal(EJSON.stringify(got), EJSON.stringify(want)); // the shell's values are of another realm
const fails = (code, act) => {
  let failed;
  try {
    act();
  } catch (error) {
    failed = error;
  }
  assert.equal(failed?.code, code, failed?.message);
};

assert.equal(db.getName(), 'test');
same(db.getMongo().getDBNames(), ['test']);
assert.equal(db.hello().setName, 'loam');
assert.ok(db.version().startsWith('7.0.'));

db.things.insertMany([{ _id: 1, name: 'ann', tags: ['a', 'b'] }, { _id: 2, name: 'ben' }, { _id: 3, name: 'cat' }]);
same(db.things.find({ name: { $gt: 'b' } }).sort({ _id: -1 }).toArray().map(d => d._id), [3, 2]);
assert.equal(db.things.updateOne({ _id: 1 }, { $push: { tags: 'c' } }).modifiedCount, 1);
db.things.updateOne({ tags: 'b' }, { $set: { 'tags.$': 'B' } });
db.things.updateMany({ tags: { $exists: true } }, { $set: { 'tags.$[tag]': 'C' } }, { arrayFilters: [{ tag: 'c' }] });
db.things.updateOne({ _id: 1 }, [{ $set: { count: { $size: '$tags' } } }]);
same(db.things.findOne({ _id: 1 }), { _id: 1, name: 'ann', tags: ['a', 'B', 'C'], count: 3 });
same(db.things.findOneAndUpdate({ _id: 1 }, [{ $unset: 'count' }], { returnDocument: 'after', projection: { count: 1 } }), { _id: 1 });
assert.equal(db.things.replaceOne({ _id: 2 }, { name: 'bob' }).modifiedCount, 1);
same(db.things.findOneAndDelete({ _id: 3 }), { _id: 3, name: 'cat' });
assert.equal(db.things.countDocuments(), 2);
same(db.things.distinct('name').sort(), ['ann', 'bob']);
same(db.things.aggregate([{ $group: { _id: null, n: { $sum: 1 } } }]).toArray(), [{ _id: null, n: 2 }]);

assert.equal(db.things.createIndex({ name: 1 }, { unique: true }), 'name_1');
same(db.things.getIndexes().map(i => i.name), ['_id_', 'name_1']);
fails(11000, () => db.things.insertOne({ name: 'ann' }));
assert.equal(db.things.find({ name: 'ann' }).explain().queryPlanner.winningPlan.inputStage.indexName, 'name_1');
db.things.dropIndex('name_1');

const stats = db.things.stats();
same([stats.ns, stats.count, stats.nindexes], ['test.things', 2, 1]);
assert.ok(db.things.dataSize() > 0 && db.things.totalIndexSize() > 0);
same([db.stats().collections, db.stats().objects], [1, 2]);
assert.equal(db.things.validate().valid, true);
assert.equal(db.serverStatus().process, 'loam');
assert.ok(db.currentOp().inprog.length > 0);
same(db.getCollectionNames(), ['things']);

const session = db.getMongo().startSession();
session.startTransaction();
session.getDatabase('test').things.insertOne({ _id: 9 });
session.abortTransaction();
assert.equal(db.things.findOne({ _id: 9 }), null);

const changes = db.things.watch();
db.things.insertOne({ _id: 10 });
let change;
while (!change) change = changes.tryNext();
same([change.operationType, change.documentKey._id], ['insert', 10]);
changes.close();

fails(13, () => db.getSiblingDB('other').things.insertOne({}));
fails(59, () => db.adminCommand({ atlasVersion: 1 }));
fails(115, () => db.createCollection('capped', { capped: true, size: 100 }));
assert.equal(db.things.drop(), true);
print('done');
