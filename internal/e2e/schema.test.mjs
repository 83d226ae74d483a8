import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass } from './loam.mjs';

const freshName = () => freshClass('Schema').className;

test('a class with every type of field', async () => {
  const name = freshName();
  const schema = new Parse.Schema(name)
    .addString('string')
    .addNumber('number')
    .addBoolean('boolean')
    .addBytes('bytes')
    .addDate('date')
    .addFile('file')
    .addGeoPoint('place')
    .addPolygon('area')
    .addArray('array')
    .addObject('object')
    .addPointer('pointer', '_User')
    .addRelation('relation', '_User')
    .addField('plain', 'String');
  await schema.save();
  const { className, fields } = await new Parse.Schema(name).get();
  assert.equal(className, name);
  const types = Object.fromEntries(Object.entries(fields).map(([field, { type }]) => [field, type]));
  assert.deepEqual(types, {
    objectId: 'String', createdAt: 'Date', updatedAt: 'Date', ACL: 'ACL',
    string: 'String', number: 'Number', boolean: 'Boolean', bytes: 'Bytes', date: 'Date', file: 'File',
    place: 'GeoPoint', area: 'Polygon', array: 'Array', object: 'Object', pointer: 'Pointer', relation: 'Relation',
    plain: 'String',
  });
  assert.equal(fields.pointer.targetClass, '_User');
  assert.equal(fields.relation.targetClass, '_User');
});

test('required fields and defaults', async () => {
  const name = freshName();
  await new Parse.Schema(name)
    .addString('name', { required: true })
    .addNumber('size', { defaultValue: 7 })
    .addDate('at', { defaultValue: new Date('2020-01-01T00:00:00.000Z') })
    .addArray('list', { defaultValue: [1] })
    .save();
  const Class = Parse.Object.extend(name);
  await assert.rejects(new Class().save(), { code: Parse.Error.VALIDATION_ERROR });
  const object = await new Class({ name: 'a' }).save();
  const read = await new Parse.Query(Class).get(object.id);
  assert.equal(read.get('size'), 7);
  assert.deepEqual(read.get('list'), [1]);
  assert.equal(read.get('at').toISOString(), '2020-01-01T00:00:00.000Z');
});

test('fields are added and deleted', async () => {
  const name = freshName();
  await new Parse.Schema(name).addString('a').addString('b').save();
  const schema = new Parse.Schema(name);
  schema.addNumber('c').deleteField('a');
  await schema.update();
  const { fields } = await schema.get();
  assert.ok(!('a' in fields));
  assert.equal(fields.c.type, 'Number');
});

test('all classes', async () => {
  const name = freshName();
  await new Parse.Schema(name).addString('a').save();
  const all = await Parse.Schema.all();
  assert.ok(all.some(schema => schema.className === name));
  assert.ok(all.some(schema => schema.className === '_User'));
});

test('a class is purged and deleted', async () => {
  const name = freshName();
  const Class = Parse.Object.extend(name);
  await new Parse.Schema(name).addString('a').save();
  await new Class({ a: 'x' }).save();
  const schema = new Parse.Schema(name);
  await assert.rejects(schema.delete(), { code: Parse.Error.INVALID_SCHEMA_OPERATION ?? 255 });
  await schema.purge();
  assert.equal(await new Parse.Query(Class).count(), 0);
  await schema.delete();
  await assert.rejects(schema.get(), { code: Parse.Error.INVALID_CLASS_NAME });
});

// What a database calls its own index of ids is left out.
async function indexes(schema) {
  const { _id_, ...own } = (await schema.get()).indexes;
  return own;
}

test('indexes', async () => {
  const name = freshName();
  const schema = new Parse.Schema(name).addString('a').addString('b');
  schema.addIndex('by_a', { a: 1 });
  await schema.save();
  assert.deepEqual(await indexes(schema), { by_a: { a: 1 } });
  await new Parse.Schema(name).addIndex('by_b', { b: -1 }).deleteIndex('by_a').update();
  assert.deepEqual(await indexes(schema), { by_b: { b: -1 } });
});

test('class-level permissions', async () => {
  const name = freshName();
  const permissions = new Parse.CLP();
  permissions.setPublicReadAccess(false);
  permissions.setPublicWriteAccess(true);
  await new Parse.Schema(name).addString('a').setCLP(permissions).save();
  const Class = Parse.Object.extend(name);
  const object = await new Class({ a: 'x' }).save();
  await assert.rejects(new Parse.Query(Class).find(), { code: Parse.Error.OPERATION_FORBIDDEN });
  await assert.rejects(new Parse.Query(Class).get(object.id), { code: Parse.Error.OPERATION_FORBIDDEN });
  await assert.rejects(new Parse.Query(Class).count(), { code: Parse.Error.OPERATION_FORBIDDEN });
  assert.equal((await new Parse.Query(Class).get(object.id, { useMasterKey: true })).get('a'), 'x');
});

test('permissions that are changed', async () => {
  const name = freshName();
  const Class = Parse.Object.extend(name);
  await new Class({ a: 'x' }).save();
  const schema = new Parse.Schema(name);
  schema.setCLP({ find: {}, get: { '*': true }, count: { '*': true }, create: {}, update: {}, delete: {}, addField: {} });
  await schema.update();
  await assert.rejects(new Parse.Query(Class).find(), { code: Parse.Error.OPERATION_FORBIDDEN });
  await assert.rejects(new Class({ a: 'y' }).save(), { code: Parse.Error.OPERATION_FORBIDDEN });
  assert.equal(await new Parse.Query(Class).count(), 1);
});

test('protected fields are hidden from clients', async () => {
  const name = freshName();
  const Class = Parse.Object.extend(name);
  const object = await new Class({ open: 1, secret: 2 }).save();
  const schema = new Parse.Schema(name);
  schema.setCLP({
    find: { '*': true }, get: { '*': true }, count: { '*': true }, create: { '*': true }, update: { '*': true },
    delete: { '*': true }, addField: { '*': true }, protectedFields: { '*': ['secret'] },
  });
  await schema.update();
  const read = await new Parse.Query(Class).get(object.id);
  assert.equal(read.get('open'), 1);
  assert.equal(read.get('secret'), undefined);
  await assert.rejects(new Parse.Query(Class).equalTo('secret', 2).find(), { code: Parse.Error.OPERATION_FORBIDDEN });
  const known = await new Parse.Query(Class).get(object.id, { useMasterKey: true });
  assert.equal(known.get('secret'), 2);
});

test('an existing class and a wrong name', async () => {
  const name = freshName();
  await new Parse.Schema(name).save();
  await assert.rejects(new Parse.Schema(name).save(), { code: Parse.Error.INVALID_CLASS_NAME });
  await assert.rejects(new Parse.Schema('no-class').save(), { code: Parse.Error.INVALID_CLASS_NAME });
});
