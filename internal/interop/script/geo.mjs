import assert from 'node:assert/strict';
import { test } from 'node:test';
import { names, request, save } from './app.mjs';

const at = (latitude, longitude) => ({ __type: 'GeoPoint', latitude, longitude });
const polygon = (...coordinates) => ({ __type: 'Polygon', coordinates });

test('some cities', async () => {
  await save('City',
    { name: 'Berlin', at: at(52.52, 13.405), n: 1, area: polygon([52.3, 13], [52.3, 13.8], [52.7, 13.8], [52.7, 13], [52.3, 13]) },
    { name: 'Paris', at: at(48.8566, 2.3522), n: 2, area: polygon([48.7, 2], [48.7, 2.6], [49, 2.6], [49, 2], [48.7, 2]) },
    { name: 'Potsdam', at: at(52.3906, 13.0645), n: 3 },
    { name: 'Suva', at: at(-18.1248, 178.4501), n: 4 },
    { name: 'Nowhere', n: 5 },
  );
});

const berlin = at(52.52, 13.405);
// As they come: the order is the distance.
const near = constraint => names('City', { at: { $nearSphere: berlin, ...constraint } }, { order: '' });

test('near, the nearest first', async () => {
  assert.deepEqual(await near({}), ['Berlin', 'Potsdam', 'Paris', 'Suva']);
});

test('near, within a distance', async () => {
  assert.deepEqual(await near({ $maxDistance: 0.01 }), ['Berlin', 'Potsdam']);
  assert.deepEqual(await near({ $maxDistanceInRadians: 0.15 }), ['Berlin', 'Potsdam', 'Paris']);
  assert.deepEqual(await near({ $maxDistanceInKilometers: 10 }), ['Berlin']);
  assert.deepEqual(await near({ $maxDistanceInMiles: 600 }), ['Berlin', 'Potsdam', 'Paris']);
});

test('near, with other constraints, orders and pages', async () => {
  assert.deepEqual(await names('City', { at: { $nearSphere: berlin }, n: { $gt: 1 } }, { order: '', limit: 2 }), ['Potsdam', 'Paris']);
  assert.deepEqual(await names('City', { at: { $nearSphere: berlin } }, { order: '-n' }), ['Suva', 'Potsdam', 'Paris', 'Berlin']);
});

test('near is counted', async () => {
  const { body } = await request('GET', '/classes/City', { params: { where: { at: { $nearSphere: berlin, $maxDistance: 0.15 } }, count: 1, limit: 0 } });
  assert.equal(body.count, 3);
});

test('within a box', async () => {
  assert.deepEqual(await names('City', { at: { $within: { $box: [at(48, 2), at(52.45, 13.2)] } } }), ['Paris', 'Potsdam']);
});

test('within a polygon', async () => {
  const triangle = [at(52, 12), at(53, 12), at(52.5, 14.5)];
  assert.deepEqual(await names('City', { at: { $geoWithin: { $polygon: triangle } } }), ['Berlin', 'Potsdam']);
  // The corners of a Polygon are read as longitude and latitude here, other than anywhere else.
  assert.deepEqual(await names('City', { at: { $geoWithin: { $polygon: polygon([12, 52], [12, 53], [14.5, 52.5]) } } }), ['Berlin', 'Potsdam']);
});

test('within a circle', async () => {
  assert.deepEqual(await names('City', { at: { $geoWithin: { $centerSphere: [berlin, 0.01] } } }), ['Berlin', 'Potsdam']);
});

test('areas around a point', async () => {
  assert.deepEqual(await names('City', { area: { $geoIntersects: { $point: at(52.5, 13.4) } } }), ['Berlin']);
  assert.deepEqual(await names('City', { area: { $geoIntersects: { $point: at(10, 10) } } }), []);
});

test('a point', async () => {
  assert.deepEqual(await names('City', { at: at(48.8566, 2.3522) }), ['Paris']);
});
