import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass } from './loam.mjs';

const again = object => new Parse.Query(object.className).get(object.id);

test('an object is created, read, changed and destroyed', async () => {
  const Note = freshClass();
  const note = new Note({ text: 'milk' });
  assert.ok(note.isNew());
  await note.save();
  assert.match(note.id, /^[A-Za-z0-9]{10}$/);
  assert.ok(note.createdAt instanceof Date);
  assert.equal(note.createdAt.getTime(), note.updatedAt.getTime());

  const read = await again(note);
  assert.equal(read.get('text'), 'milk');
  assert.equal(read.createdAt.getTime(), note.createdAt.getTime());

  await read.save({ text: 'bread' });
  assert.ok(read.updatedAt >= read.createdAt);
  await note.fetch();
  assert.equal(note.get('text'), 'bread');

  await note.destroy();
  await assert.rejects(again(note), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('values of all types come back as they were', async () => {
  const Thing = freshClass();
  const attributes = {
    text: 'Grüße, 世界 🌍',
    empty: '',
    number: 1.5,
    integer: 2147483648,
    negative: -0.25,
    truth: true,
    lie: false,
    date: new Date('2011-08-21T18:02:52.249Z'),
    array: [1, 'two', true, null, [3, [4]], { five: 5 }],
    object: { a: 1, b: { c: [1, 2, { d: 'e' }] }, nothing: null },
    none: [],
    bare: {},
  };
  const thing = await new Thing(attributes).save();
  const read = await again(thing);
  for (const [key, value] of Object.entries(attributes)) {
    assert.deepEqual(read.get(key), value, key);
  }
});

test('dates within objects and arrays stay dates', async () => {
  const Thing = freshClass();
  const at = new Date('2020-02-29T12:00:00.123Z');
  const thing = await new Thing({ object: { at }, array: [at] }).save();
  const read = await again(thing);
  assert.deepEqual(read.get('object'), { at });
  assert.deepEqual(read.get('array'), [at]);
});

test('pointers are objects without data', async () => {
  const [Author, Book] = [freshClass('Author'), freshClass('Book')];
  const author = await new Author({ name: 'Ann' }).save();
  const book = await new Book({ author, credits: [author], extra: { author } }).save();
  const read = await again(book);
  assert.equal(read.get('author').id, author.id);
  assert.equal(read.get('author').className, author.className);
  assert.equal(read.get('credits')[0].id, author.id);
  assert.equal(read.get('extra').author.id, author.id);
});

test('an object that is saved saves those that it points to', async () => {
  const [Author, Book] = [freshClass('Author'), freshClass('Book')];
  const author = new Author({ name: 'Ann' });
  const book = new Book({ author });
  await book.save(null, { cascadeSave: true });
  assert.ok(author.id);
  const read = await new Parse.Query(Book).include('author').get(book.id);
  assert.equal(read.get('author').get('name'), 'Ann');
});

test('what changed is dirty until it is saved', async () => {
  const Note = freshClass();
  const note = new Note({ text: 'milk', count: 1 });
  assert.ok(note.dirty());
  await note.save();
  assert.ok(!note.dirty());
  note.set('text', 'bread');
  assert.deepEqual(note.dirtyKeys(), ['text']);
  note.revert();
  assert.equal(note.get('text'), 'milk');
  assert.ok(!note.dirty());
});

test('only what changed is sent', async () => {
  const Note = freshClass();
  const note = await new Note({ text: 'milk', count: 1 }).save();
  const copy = await again(note);
  await copy.save({ text: 'bread' });
  await note.save({ count: 2 });
  const read = await again(note);
  assert.equal(read.get('text'), 'bread');
  assert.equal(read.get('count'), 2);
});

test('a field is unset', async () => {
  const Note = freshClass();
  const note = await new Note({ text: 'milk', count: 1 }).save();
  note.unset('text');
  await note.save();
  const read = await again(note);
  assert.ok(!read.has('text'));
  assert.equal(read.get('count'), 1);
});

test('a field is null', async () => {
  const Note = freshClass();
  const note = await new Note({ text: 'milk' }).save();
  await note.save({ text: null });
  const read = await again(note);
  assert.ok(read.get('text') == null);
});

test('a number is incremented and decremented', async () => {
  const Counter = freshClass();
  const counter = await new Counter({ n: 1 }).save();
  counter.increment('n');
  counter.increment('n', 5);
  await counter.save();
  assert.equal(counter.get('n'), 7);
  counter.decrement('n', 3);
  counter.increment('other', 2);
  await counter.save();
  assert.equal(counter.get('n'), 4);
  assert.equal(counter.get('other'), 2);
  assert.equal((await again(counter)).get('n'), 4);
});

test('increments of many clients add up', async () => {
  const Counter = freshClass();
  const counter = await new Counter({ n: 0 }).save();
  await Promise.all(
    Array.from({ length: 20 }, () => {
      const same = Counter.createWithoutData(counter.id);
      same.increment('n');
      return same.save();
    }),
  );
  assert.equal((await again(counter)).get('n'), 20);
});

test('elements are added to and removed from an array', async () => {
  const List = freshClass();
  const list = await new List({ items: ['a'] }).save();
  list.add('items', 'b');
  await list.save();
  list.addAll('items', ['a', 'c']);
  await list.save();
  assert.deepEqual([...(await again(list)).get('items')].sort(), ['a', 'a', 'b', 'c']);
  list.addUnique('items', 'c');
  await list.save();
  list.addAllUnique('items', ['c', 'd']);
  await list.save();
  list.remove('items', 'a');
  await list.save();
  assert.deepEqual([...(await again(list)).get('items')].sort(), ['b', 'c', 'd']);
  list.removeAll('items', ['b', 'c', 'z']);
  await list.save();
  assert.deepEqual((await again(list)).get('items'), ['d']);
});

test('operations on fields that are not there', async () => {
  const List = freshClass();
  const list = await new List().save();
  list.add('added', 1);
  list.addUnique('unique', 1);
  list.remove('removed', 1);
  list.increment('n');
  await list.save();
  const read = await again(list);
  assert.deepEqual(read.get('added'), [1]);
  assert.deepEqual(read.get('unique'), [1]);
  assert.deepEqual(read.get('removed') ?? [], []);
  assert.equal(read.get('n'), 1);
});

test('operations in a new object', async () => {
  const Thing = freshClass();
  const thing = new Thing();
  thing.increment('n', 3);
  thing.add('list', 'a');
  thing.addUnique('unique', 'b');
  thing.set('gone', 1);
  thing.unset('gone');
  await thing.save();
  const read = await again(thing);
  assert.equal(read.get('n'), 3);
  assert.deepEqual(read.get('list'), ['a']);
  assert.deepEqual(read.get('unique'), ['b']);
  assert.ok(!read.has('gone'));
});

test('a member of an object is set and incremented by its path', async () => {
  const Thing = freshClass();
  const thing = await new Thing({ stats: { wins: 1, name: 'x' } }).save();
  thing.set('stats.name', 'y');
  thing.increment('stats.wins', 2);
  await thing.save();
  assert.deepEqual((await again(thing)).get('stats'), { wins: 3, name: 'y' });
});

test('objects in arrays are changed with the array', async () => {
  const Thing = freshClass();
  const thing = await new Thing({ list: [{ a: 1 }, { a: 2 }] }).save();
  thing.get('list')[0].a = 5;
  thing.set('list', thing.get('list'));
  await thing.save();
  assert.deepEqual((await again(thing)).get('list'), [{ a: 5 }, { a: 2 }]);
});

test('an object knows whether it exists', async () => {
  const Note = freshClass();
  const note = new Note();
  assert.equal(await note.exists(), false);
  await note.save();
  assert.equal(await note.exists(), true);
  assert.equal(note.existed(), false);
  await note.destroy();
  assert.equal(await note.exists(), false);
});

test('fetching with an include', async () => {
  const [Author, Book] = [freshClass('Author'), freshClass('Book')];
  const author = await new Author({ name: 'Ann' }).save();
  const book = await new Book({ author }).save();
  const bare = Book.createWithoutData(book.id);
  await bare.fetchWithInclude('author');
  assert.equal(bare.get('author').get('name'), 'Ann');
});

test('subclasses are what queries return', async () => {
  const Base = freshClass('Monster');
  class Monster extends Parse.Object {
    constructor() {
      super(Base.className);
    }

    get strength() {
      return this.get('strength');
    }
  }
  Parse.Object.registerSubclass(Base.className, Monster);
  const monster = new Monster();
  await monster.save({ strength: 9 });
  const read = await new Parse.Query(Monster).get(monster.id);
  assert.ok(read instanceof Monster);
  assert.equal(read.strength, 9);
});

test('saving eventually is saving, when there is a network', async () => {
  const Note = freshClass();
  const note = new Note({ text: 'milk' });
  await note.saveEventually();
  assert.equal((await again(note)).get('text'), 'milk');
  await note.destroyEventually();
  await assert.rejects(again(note), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('a context may go with a save', async () => {
  const Note = freshClass();
  const note = await new Note({ text: 'milk' }).save(null, { context: { reason: 'test' } });
  assert.ok(note.id);
});

test('a clone is another object', async () => {
  const Note = freshClass();
  const note = await new Note({ text: 'milk' }).save();
  const clone = await note.clone().save();
  assert.notEqual(clone.id, note.id);
  assert.equal((await again(clone)).get('text'), 'milk');
});
