import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, as, asMaster, freshClass, freshName, signedUp } from './loam.mjs';

async function role(...users) {
  const made = new Parse.Role(freshName().replace('user', 'role'), new Parse.ACL());
  made.getUsers().add(users);
  return made.save(null, asMaster);
}

// noteFor makes an object that the members of a role may read and write.
async function noteFor(allowed) {
  const Note = freshClass('Note');
  const acl = new Parse.ACL();
  acl.setRoleReadAccess(allowed, true);
  acl.setRoleWriteAccess(allowed, true);
  const note = new Note({ text: 'milk' });
  note.setACL(acl);
  return note.save(null, asMaster);
}

const reads = async (note, user) => (await new Parse.Query(note.className).find(user ? as(user) : {})).length === 1;

test('members read and write, others do not', async () => {
  const member = await signedUp();
  const other = await signedUp();
  const note = await noteFor(await role(member));
  assert.ok(await reads(note, member));
  assert.ok(!(await reads(note, other)));
  assert.ok(!(await reads(note)));
  await note.save({ text: 'bread' }, as(member));
  await assert.rejects(note.save({ text: 'wine' }, as(other)), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('who joins and who leaves is known at once', async () => {
  const user = await signedUp();
  const staff = await role();
  const note = await noteFor(staff);
  for (let i = 0; i < 3; i += 1) {
    assert.ok(!(await reads(note, user)));
    staff.getUsers().add(user);
    await staff.save(null, asMaster);
    assert.ok(await reads(note, user));
    staff.getUsers().remove(user);
    await staff.save(null, asMaster);
  }
});

test('a role has what the roles above it have', async () => {
  const user = await signedUp();
  const low = await role(user);
  const middle = await role();
  const high = await role();
  middle.getRoles().add(low);
  high.getRoles().add(middle);
  low.getRoles().add(high); // a circle
  await Parse.Object.saveAll([low, middle, high], asMaster);
  const note = await noteFor(high);
  assert.ok(await reads(note, user));
  await middle.destroy(asMaster);
  assert.ok(!(await reads(note, user)));
});

test('a role has a name of its own and an access list', async () => {
  const first = await role();
  await assert.rejects(new Parse.Role(first.getName(), new Parse.ACL()).save(null, asMaster), { code: Parse.Error.DUPLICATE_VALUE });
  await assert.rejects(new Parse.Role(freshName()).save(null, asMaster), { code: Parse.Error.INCORRECT_TYPE });
  await assert.rejects(first.destroy(), { code: Parse.Error.OBJECT_NOT_FOUND });
});

test('the members of a role are found by who may read it', async () => {
  const member = await signedUp();
  const hidden = await role(member);
  assert.equal((await hidden.getUsers().query().find(asMaster))[0].id, member.id);
  assert.deepEqual(await hidden.getUsers().query().find(as(member)), []);
  const of = new Parse.Query(Parse.Role).equalTo('users', member);
  assert.equal((await of.find(asMaster))[0].id, hidden.id);
  assert.deepEqual(await of.find(as(member)), []);
});
