import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass, saved } from './loam.mjs';

const numbers = (Class, n) => saved(Class, ...Array.from({ length: n }, (_, i) => ({ i })));

test('many objects are saved at once', async () => {
  const Thing = freshClass();
  const things = await numbers(Thing, 50);
  assert.equal(new Set(things.map(t => t.id)).size, 50);
  assert.ok(things.every(t => !t.dirty()));
  assert.equal(await new Parse.Query(Thing).count(), 50);
});

test('new and old objects are saved together', async () => {
  const Thing = freshClass();
  const [old] = await saved(Thing, { n: 1 });
  old.increment('n', 10);
  const fresh = new Thing({ n: 2 });
  await Parse.Object.saveAll([old, fresh]);
  assert.equal(old.get('n'), 11);
  assert.ok(fresh.id);
});

test('objects that point to each other are saved in the right order', async () => {
  const Node = freshClass('Node');
  const root = new Node({ name: 'root' });
  const child = new Node({ name: 'child', parent: root });
  const grandchild = new Node({ name: 'grandchild', parent: child });
  await Parse.Object.saveAll([grandchild, child, root]);
  const read = await new Parse.Query(Node).include('parent.parent').get(grandchild.id);
  assert.equal(read.get('parent').get('parent').get('name'), 'root');
});

test('the failure of one is told, the others are saved', async () => {
  const Thing = freshClass();
  await saved(Thing, { n: 1 });
  const good = new Thing({ n: 2 });
  const bad = new Thing({ n: 'text' });
  await assert.rejects(Parse.Object.saveAll([good, bad]), { code: Parse.Error.INCORRECT_TYPE });
  assert.equal(await new Parse.Query(Thing).count(), 2);
});

test('all or nothing, in a transaction', async () => {
  const Thing = freshClass();
  const [old] = await saved(Thing, { n: 1 });
  await Parse.Object.saveAll([new Thing({ n: 2 }), new Thing({ n: 3 })], { transaction: true });
  assert.equal(await new Parse.Query(Thing).count(), 3);
  old.set('n', 'text');
  await assert.rejects(Parse.Object.saveAll([new Thing({ n: 4 }), old], { transaction: true }));
  assert.equal(await new Parse.Query(Thing).count(), 3);
});

test('many objects are destroyed at once', async () => {
  const Thing = freshClass();
  const things = await numbers(Thing, 25);
  await Parse.Object.destroyAll(things.slice(0, 20));
  assert.equal(await new Parse.Query(Thing).count(), 5);
});

test('destroying what is gone is told for each', async () => {
  const Thing = freshClass();
  const [a, b] = await numbers(Thing, 2);
  await a.destroy();
  await assert.rejects(Parse.Object.destroyAll([a, b]), error => {
    assert.equal(error.code, Parse.Error.AGGREGATE_ERROR);
    assert.deepEqual(error.errors.map(e => e.code), [Parse.Error.OBJECT_NOT_FOUND]);
    return true;
  });
  assert.equal(await new Parse.Query(Thing).count(), 0);
});

test('many objects are fetched at once', async () => {
  const Thing = freshClass();
  const things = await numbers(Thing, 10);
  const bare = things.map(t => Thing.createWithoutData(t.id));
  await Parse.Object.fetchAll(bare);
  assert.deepEqual(bare.map(t => t.get('i')), things.map(t => t.get('i')));
});

test('fetching all fails when one is gone', async () => {
  const Thing = freshClass();
  const [a, b] = await numbers(Thing, 2);
  await a.destroy();
  await assert.rejects(Parse.Object.fetchAll([a, b]), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('only those without data are fetched', async () => {
  const Thing = freshClass();
  const [a, b] = await saved(Thing, { n: 1 }, { n: 2 });
  const copy = await new Parse.Query(Thing).get(a.id);
  await copy.save({ n: 100 });
  Parse.Object.disableSingleInstance();
  const bare = Thing.createWithoutData(b.id);
  await Parse.Object.fetchAllIfNeeded([a, bare]);
  assert.equal(a.get('n'), 1);
  assert.equal(bare.get('n'), 2);
});

test('many are fetched with what they point to', async () => {
  const [Author, Book] = [freshClass('Author'), freshClass('Book')];
  const author = await new Author({ name: 'Ann' }).save();
  const [one, two] = await saved(Book, { author }, { author });
  const bare = [Book.createWithoutData(one.id), Book.createWithoutData(two.id)];
  await Parse.Object.fetchAllWithInclude(bare, ['author']);
  assert.deepEqual(bare.map(b => b.get('author').get('name')), ['Ann', 'Ann']);
  const more = [Book.createWithoutData(one.id)];
  await Parse.Object.fetchAllIfNeededWithInclude(more, ['author']);
  assert.equal(more[0].get('author').get('name'), 'Ann');
});
