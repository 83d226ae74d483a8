import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, find, request, rest } from './app.mjs';

test('the configuration is kept', async () => {
  const params = { welcome: 'Grüße', ratio: 0.25, list: [1, 'two'], object: { on: true }, secret: 's', limit: null,
    day: { __type: 'Date', iso: '2024-01-01T00:00:00.000Z' }, place: { __type: 'GeoPoint', latitude: 1, longitude: 2 } };
  assert.deepEqual(await rest('PUT', '/config', { body: { params, masterKeyOnly: { secret: true } } }), { result: true });
  assert.deepEqual((await ask('/config')).params, params);
  const { secret, ...open } = params;
  assert.deepEqual((await ask('/config', {}, 'public')).params, open);
  await rest('PUT', '/config', { body: { params: { ratio: { __op: 'Delete' }, list: [2] } } });
  const changed = (await ask('/config')).params;
  assert.ok(!('ratio' in changed));
  assert.deepEqual(changed.list, [2]);
});

test('installations are kept, one for each device', async () => {
  const device = { deviceType: 'ios', deviceToken: 'ab'.repeat(32), installationId: 'aaaa-1111', channels: ['news'], badge: 0 };
  const made = await rest('POST', '/installations', { who: 'public', body: device });
  await rest('POST', '/installations', { who: 'public', body: { ...device, channels: ['news', 'sport'] } });
  await rest('POST', '/installations', { who: 'public', body: { deviceType: 'android', installationId: 'BBBB-2222', timeZone: 'Europe/Berlin' } });
  assert.equal((await request('POST', '/installations', { who: 'public', body: { deviceType: 'ios' } })).body.code, 135);
  const all = await find('_Installation', undefined, { order: 'deviceType' });
  assert.deepEqual(all.map(i => [i.deviceType, i.installationId]), [['android', 'bbbb-2222'], ['ios', 'aaaa-1111']]);
  assert.deepEqual([all[1].objectId, all[1].channels], [made.objectId, ['news', 'sport']]);
});

test('a request that comes twice is answered once', async () => {
  const once = () => request('POST', '/classes/Once', { body: { name: 'once' }, headers: { 'X-Parse-Request-Id': 'request-1' } });
  assert.equal((await once()).status, 201);
  assert.equal((await once()).body.code, 159);
  assert.equal((await find('Once')).length, 1);
});

test('hooks and jobs\' schedules are kept', async () => {
  await rest('POST', '/hooks/functions', { body: { functionName: 'greet', url: 'https://example.com/greet' } });
  assert.deepEqual((await rest('GET', '/hooks/functions')).map(h => h.functionName), ['greet']);
  await rest('PUT', '/hooks/functions/greet', { body: { __op: 'Delete' } });
});

test('the audience of a push is kept', async () => {
  const { objectId } = await rest('POST', '/push_audiences', { body: { name: 'all', query: '{"deviceType":"ios"}' } });
  assert.equal((await rest('GET', `/push_audiences/${objectId}`)).name, 'all');
});

test('the server is well', async () => {
  assert.deepEqual(await rest('GET', '/health', { who: 'public' }), { status: 'ok' });
});
