import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Parse, asMaster, freshClass, notOn, saved, values } from './loam.mjs';

const arrayEquality = notOn('postgres', 'PostgreSQL compares a whole array with a value');

describe('constraints', () => {
  const Item = freshClass('Item');
  const query = () => new Parse.Query(Item).ascending('i');
  const found = q => values(q, 'i');

  before(() =>
    saved(
      Item,
      { i: 1, n: 1.5, s: 'apple', b: true, at: new Date('2020-01-01'), l: [1, 2, 3], o: { a: 1, b: { c: 'x' } } },
      { i: 2, n: 2, s: 'Banana', b: false, at: new Date('2021-01-01'), l: [2, 'a'], o: { a: 2, b: { c: 'y' } } },
      { i: 3, n: -3, s: 'cherry pie', at: new Date('2022-01-01'), l: [] },
      { i: 4 },
    ),
  );

  test('equalTo', async () => {
    assert.deepEqual(await found(query().equalTo('n', 2)), [2]);
    assert.deepEqual(await found(query().equalTo('s', 'apple')), [1]);
    assert.deepEqual(await found(query().equalTo('b', false)), [2]);
    assert.deepEqual(await found(query().equalTo('at', new Date('2021-01-01'))), [2]);
    assert.deepEqual(await found(query().equalTo('o.a', 1)), [1]);
    assert.deepEqual(await found(query().equalTo('o.b.c', 'y')), [2]);
    assert.deepEqual(await found(query().equalTo('n', undefined)), [4]);
  });

  test('equalTo, of an element', arrayEquality, async () => {
    assert.deepEqual(await found(query().equalTo('l', 2)), [1, 2]);
  });

  test('equalTo, of many at once', async () => {
    assert.deepEqual(await found(query().equalTo({ n: 2, s: 'Banana' })), [2]);
  });

  test('notEqualTo', async () => {
    assert.deepEqual(await found(query().notEqualTo('n', 2)), [1, 3, 4]);
    assert.deepEqual(await found(query().notEqualTo('b', true)), [2, 3, 4]);
  });

  test('lessThan, greaterThan and their equals', async () => {
    assert.deepEqual(await found(query().lessThan('n', 1.5)), [3]);
    assert.deepEqual(await found(query().lessThanOrEqualTo('n', 1.5)), [1, 3]);
    assert.deepEqual(await found(query().greaterThan('n', 1.5)), [2]);
    assert.deepEqual(await found(query().greaterThanOrEqualTo('n', 1.5)), [1, 2]);
    assert.deepEqual(await found(query().greaterThan('at', new Date('2020-06-01')).lessThan('at', new Date('2021-06-01'))), [2]);
  });

  test('containedIn, notContainedIn', async () => {
    assert.deepEqual(await found(query().containedIn('n', [2, -3, 100])), [2, 3]);
    assert.deepEqual(await found(query().containedIn('l', [1])), [1]);
    assert.deepEqual(await found(query().exists('s').notContainedIn('s', ['apple'])), [2, 3]);
  });

  test('containedBy', async () => {
    assert.deepEqual(await found(query().exists('l').containedBy('l', [1, 2, 3, 4])), [1, 3]);
  });

  test('containsAll, containsAllStartingWith', async () => {
    assert.deepEqual(await found(query().containsAll('l', [1, 2])), [1]);
    assert.deepEqual(await found(query().containsAll('l', [2, 9])), []);
    const List = freshClass('List');
    await saved(List, { i: 1, l: ['the brown fox', 'lazy'] }, { i: 2, l: ['a fox'] });
    assert.deepEqual(await values(new Parse.Query(List).containsAllStartingWith('l', ['the', 'la']), 'i'), [1]);
  });

  test('exists, doesNotExist', async () => {
    assert.deepEqual(await found(query().exists('n')), [1, 2, 3]);
    assert.deepEqual(await found(query().doesNotExist('b')), [3, 4]);
  });

  test('matches, startsWith, endsWith, contains', async () => {
    assert.deepEqual(await found(query().matches('s', /^[a-z]+$/)), [1]);
    assert.deepEqual(await found(query().matches('s', /^banana$/i)), [2]);
    assert.deepEqual(await found(query().matches('s', '^BANANA', 'i')), [2]);
    assert.deepEqual(await found(query().startsWith('s', 'app')), [1]);
    assert.deepEqual(await found(query().startsWith('s', 'ban', 'i')), [2]);
    assert.deepEqual(await found(query().endsWith('s', 'pie')), [3]);
    assert.deepEqual(await found(query().contains('s', 'rry p')), [3]);
  });

  test('what is special in a pattern is taken as it is', async () => {
    const Text = freshClass('Text');
    await saved(Text, { i: 1, s: 'a.b*c(d' }, { i: 2, s: 'aXbbc' });
    assert.deepEqual(await values(new Parse.Query(Text).startsWith('s', 'a.b*'), 'i'), [1]);
    assert.deepEqual(await values(new Parse.Query(Text).contains('s', '*c('), 'i'), [1]);
  });

  test('or, and, nor', async () => {
    const one = new Parse.Query(Item).equalTo('i', 1);
    const two = new Parse.Query(Item).equalTo('s', 'Banana');
    assert.deepEqual(await found(Parse.Query.or(one, two).ascending('i')), [1, 2]);
    assert.deepEqual(await found(Parse.Query.and(one, two).ascending('i')), []);
    assert.deepEqual(await found(Parse.Query.nor(one, two).ascending('i').exists('n')), [3]);
    assert.deepEqual(await found(Parse.Query.or(one, Parse.Query.and(two, new Parse.Query(Item).equalTo('b', false))).ascending('i')), [1, 2]);
  });

  test('order by several keys', async () => {
    const Pair = freshClass('Pair');
    await saved(Pair, { i: 1, a: 'x', b: 1 }, { i: 2, a: 'x', b: 2 }, { i: 3, a: 'w', b: 3 });
    assert.deepEqual(await values(new Parse.Query(Pair).ascending('a').addDescending('b'), 'i'), [3, 2, 1]);
    assert.deepEqual(await values(new Parse.Query(Pair).descending('a').addAscending('b'), 'i'), [1, 2, 3]);
  });

  test('limit, skip, first, get, count', async () => {
    assert.deepEqual(await found(query().limit(2)), [1, 2]);
    assert.deepEqual(await found(query().skip(1).limit(2)), [2, 3]);
    assert.equal((await query().skip(3).first()).get('i'), 4);
    assert.equal(await query().equalTo('i', 99).first(), undefined);
    assert.equal(await query().exists('n').count(), 3);
    await assert.rejects(query().get('AAAAAAAAAA'), { code: Parse.Error.OBJECT_NOT_FOUND });
  });

  test('withCount gives both', async () => {
    const { results, count } = await query().limit(1).withCount().find();
    assert.equal(results.length, 1);
    assert.equal(count, 4);
  });

  test('select and exclude', async () => {
    const [chosen] = await query().equalTo('i', 1).select('n', 's').find();
    assert.equal(chosen.get('n'), 1.5);
    assert.ok(!chosen.has('l'));
    const [rest] = await query().equalTo('i', 1).exclude('l', 'o').find();
    assert.ok(!rest.has('l'));
    assert.equal(rest.get('s'), 'apple');
  });

  test('selected objects are fetched when needed', async () => {
    const [chosen] = await query().equalTo('i', 1).select('n').find();
    await chosen.fetch();
    assert.deepEqual(chosen.get('l'), [1, 2, 3]);
  });

  test('a query is JSON and back', async () => {
    const original = query().greaterThan('n', 0).limit(1).skip(1).select('i');
    const copy = Parse.Query.fromJSON(Item.className, original.toJSON());
    assert.deepEqual(await found(copy), [2]);
    assert.deepEqual(await found(new Parse.Query(Item).withJSON(original.toJSON())), [2]);
  });

  test('comment and read preference do no harm', async () => {
    assert.deepEqual(await found(query().comment('hello').readPreference('SECONDARY_PREFERRED', 'NEAREST', 'PRIMARY').limit(1)), [1]);
  });

  test('by id, and by time', async () => {
    const [first] = await query().limit(1).find();
    assert.deepEqual(await found(query().equalTo('objectId', first.id)), [1]);
    assert.deepEqual(await found(query().notEqualTo('objectId', first.id)), [2, 3, 4]);
    // saveAll saves side by side: the first by its number need not be the oldest.
    const [oldest] = await new Parse.Query(Item).ascending('createdAt').limit(1).find();
    assert.equal(await query().greaterThanOrEqualTo('createdAt', oldest.createdAt).count(), 4);
    assert.equal(await query().lessThan('updatedAt', new Date('2020-01-01')).count(), 0);
  });

  test('with the master key', async () => {
    assert.equal((await query().find(asMaster)).length, 4);
  });
});

describe('through pointers', () => {
  const [City, Author, Book] = [freshClass('City'), freshClass('Author'), freshClass('Book')];
  let ann, bob;
  const query = () => new Parse.Query(Book).ascending('i');
  const found = q => values(q, 'i');

  before(async () => {
    const rome = await new City({ name: 'Rome' }).save();
    [ann, bob] = await saved(Author, { name: 'Ann', age: 30, city: rome }, { name: 'Bob', age: 40 });
    await saved(Book, { i: 1, author: ann, authors: [ann, bob], title: 'Rome' }, { i: 2, author: bob, title: 'Oslo' }, { i: 3 });
  });

  test('equalTo a pointer', async () => {
    assert.deepEqual(await found(query().equalTo('author', ann)), [1]);
    assert.deepEqual(await found(query().notEqualTo('author', ann)), [2, 3]);
    assert.deepEqual(await found(query().containedIn('author', [ann, bob])), [1, 2]);
    assert.deepEqual(await found(query().equalTo('authors', bob)), [1]);
    assert.deepEqual(await found(query().containsAll('authors', [ann, bob])), [1]);
  });

  test('include', async () => {
    const [book] = await query().include('author').limit(1).find();
    assert.equal(book.get('author').get('name'), 'Ann');
    assert.ok(!book.get('author').get('city').isDataAvailable());
  });

  test('include along a path', async () => {
    const [book] = await query().include('author.city').limit(1).find();
    assert.equal(book.get('author').get('city').get('name'), 'Rome');
    const [same] = await query().include(['author', 'author.city']).limit(1).find();
    assert.equal(same.get('author').get('city').get('name'), 'Rome');
  });

  test('include the elements of an array', async () => {
    const [book] = await query().include('authors').limit(1).find();
    assert.deepEqual(book.get('authors').map(a => a.get('name')), ['Ann', 'Bob']);
  });

  test('includeAll', async () => {
    const [book] = await query().includeAll().limit(1).find();
    assert.equal(book.get('author').get('name'), 'Ann');
  });

  test('select keys of an included object', async () => {
    const [book] = await query().include('author').select('author.name').limit(1).find();
    assert.equal(book.get('author').get('name'), 'Ann');
    assert.ok(!book.get('author').has('age'));
    assert.ok(!book.has('title'));
  });

  test('matchesQuery, doesNotMatchQuery', async () => {
    const old = new Parse.Query(Author).greaterThan('age', 35);
    assert.deepEqual(await found(query().matchesQuery('author', old)), [2]);
    assert.deepEqual(await found(query().exists('author').doesNotMatchQuery('author', old)), [1]);
    const roman = new Parse.Query(Author).matchesQuery('city', new Parse.Query(City).equalTo('name', 'Rome'));
    assert.deepEqual(await found(query().matchesQuery('author', roman)), [1]);
  });

  test('matchesKeyInQuery, doesNotMatchKeyInQuery', async () => {
    const cities = new Parse.Query(City);
    assert.deepEqual(await found(query().matchesKeyInQuery('title', 'name', cities)), [1]);
    assert.deepEqual(await found(query().exists('title').doesNotMatchKeyInQuery('title', 'name', cities)), [2]);
  });

  test('order and conditions with include', async () => {
    const books = await query().exists('author').descending('i').include('author').find();
    assert.deepEqual(books.map(b => b.get('author').get('name')), ['Bob', 'Ann']);
  });
});

describe('all of many', () => {
  const Item = freshClass('Item');
  const all = Array.from({ length: 130 }, (_, i) => i);

  before(() => saved(Item, ...all.map(i => ({ i }))));

  test('find returns a hundred unless told otherwise', async () => {
    assert.equal((await new Parse.Query(Item).find()).length, 100);
    assert.equal((await new Parse.Query(Item).limit(1000).find()).length, 130);
  });

  test('findAll', async () => {
    const found = await new Parse.Query(Item).findAll({ batchSize: 50 });
    assert.deepEqual(found.map(o => o.get('i')).sort((a, b) => a - b), all);
  });

  test('each', async () => {
    const seen = [];
    await new Parse.Query(Item).each(object => {
      seen.push(object.get('i'));
    });
    assert.deepEqual(seen.sort((a, b) => a - b), all);
  });

  test('eachBatch', async () => {
    const sizes = [];
    await new Parse.Query(Item).eachBatch(batch => {
      sizes.push(batch.length);
    }, { batchSize: 60 });
    assert.deepEqual(sizes, [60, 60, 10]);
  });

  test('map, filter, reduce', async () => {
    const few = () => new Parse.Query(Item).lessThan('i', 4);
    assert.deepEqual((await few().map(o => o.get('i') * 2)).sort((a, b) => a - b), [0, 2, 4, 6]);
    assert.equal((await few().filter(o => o.get('i') > 1)).length, 2);
    assert.equal(await few().reduce((sum, o) => sum + o.get('i'), 0), 6);
  });
});

test('a class that is not there has no objects', async () => {
  const Nothing = freshClass('Nothing');
  assert.deepEqual(await new Parse.Query(Nothing).find(), []);
  assert.equal(await new Parse.Query(Nothing).count(), 0);
});
