import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Parse, asMaster, freshName, signedUp } from './loam.mjs';

// mailed waits for a mail to an address with a link to a page, and returns the link.
async function mailed(address, page) {
  for (let attempt = 0; attempt < 400; attempt++) {
    const files = await readdir(process.env.LOAM_INBOX).catch(() => []);
    for (const file of files.sort().reverse()) {
      const mail = await readFile(path.join(process.env.LOAM_INBOX, file), 'latin1');
      const text = mail.replaceAll('=\r\n', '').replaceAll('=3D', '=');
      const link = new RegExp(`https?://\\S+/${page}\\?token=[A-Za-z0-9]+`).exec(text);
      if (mail.includes(`<${address}>`) && link) return link[0];
    }
    await setTimeout(50);
  }
  throw new Error(`no mail to ${address}`);
}

test('a user who forgot the password chooses another one', async () => {
  const email = `${freshName()}@example.com`;
  const user = await signedUp({ email });
  await Parse.User.requestPasswordReset(email);
  const link = new URL(await mailed(email, 'request_password_reset'));
  const page = await (await fetch(link)).text();
  const action = /<form method="post" action="([^"]+)"/.exec(page)[1];
  const form = new URLSearchParams({ token: link.searchParams.get('token'), new_password: 'better', repeat_password: 'better' });
  const done = await fetch(action, { method: 'POST', body: form });
  assert.match(await done.text(), /Your password was changed/);
  await assert.rejects(Parse.User.logIn(user.getUsername(), 'secret'), { code: Parse.Error.OBJECT_NOT_FOUND });
  assert.equal((await Parse.User.logIn(user.getUsername(), 'better')).id, user.id);
});

test('a user confirms an address, by a mail that was asked for again', async () => {
  const email = `${freshName()}@example.com`;
  const user = await signedUp({ email });
  const first = await mailed(email, 'verify_email');
  await Parse.User.requestEmailVerification(email);
  let again = first;
  while (again === first) again = await mailed(email, 'verify_email');
  assert.match(await (await fetch(first)).text(), /This link is not valid/);
  assert.match(await (await fetch(again)).text(), /Your address is confirmed/);
  assert.equal((await user.fetch(asMaster)).get('emailVerified'), true);
});

test('strangers are answered alike', async () => {
  const email = `${freshName()}@example.com`;
  assert.deepEqual(await Parse.User.requestPasswordReset(email), {});
  assert.deepEqual(await Parse.User.requestEmailVerification(email), {});
  await assert.rejects(Parse.User.requestPasswordReset(''), { code: Parse.Error.EMAIL_MISSING });
});
