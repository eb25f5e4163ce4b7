import { describe, expect, it } from 'vitest';
import * as filters from './filters';
import { aboutPath, actorPath, draftPath, incidentPath, isServers, route } from './route';

describe('addresses', () => {
  function check(path: string, expected: string) {
    expect(JSON.stringify(Object.values(route(path)))).toBe(expected);
  }
  it('name their page', () => {
    check('/', '["watch"]');
    check('/incidents', '["incidents"]');
    check('/incidents/', '["incidents"]');
    check('/incidents/5f', '["incident","5f"]');
    check('/findings', '["findings"]');
    check('/rules', '["rules"]');
    check('/report', '["report"]');
    check('/actors/off-1', '["about","actor","off-1"]');
    check('/sources/10.0.0.1', '["about","source","10.0.0.1"]');
    check('/datasets/pnr', '["about","dataset","pnr"]');
    check('/sessions/s-1', '["about","session","s-1"]');
    check('/subjects/p1.5f', '["about","subject","p1.5f"]');
    check('/silences', '["silences"]');
    check('/audit', '["audit"]');
    check('/incidents/5f/notification/gdpr', '["draft","5f","gdpr"]');
  });
  it('name no page that does not exist', () => {
    check('/incident', '["not-found","/incident"]');
    check('/incidents/5f/notification', '["not-found","/incidents/5f/notification"]');
    check('/incidents/5f/more', '["not-found","/incidents/5f/more"]');
    check('/incidents/%E0%A4%A', '["not-found","/incidents/%E0%A4%A"]');
  });
  it('carry any id there and back', () => {
    check(incidentPath('a/b c?'), '["incident","a/b c?"]');
    check(actorPath('ann@x/y'), '["about","actor","ann@x/y"]');
    check(draftPath('a/b', 'g?'), '["draft","a/b","g?"]');
  });
  it('reach names that a browser would fold away', () => {
    const browsers = (path: string) => new URL(path, 'https://tidewaiter.example').pathname;
    for (const name of ['.', '..', '~.', '~..', '~~..', '~', '...', '%2e%2e', '~off-1']) {
      check(browsers(actorPath(name)), `["about","actor",${JSON.stringify(name)}]`);
      check(browsers(aboutPath('session', name)), `["about","session",${JSON.stringify(name)}]`);
    }
    expect(actorPath('...')).toBe('/actors/...');
  });
  it('leave the server its own', () => {
    expect(isServers('/api/v1/incidents/5f/timeline')).toBe(true);
    expect(isServers('/metrics')).toBe(true);
    expect(isServers('/apiary')).toBe(false);
    expect(isServers('/incidents')).toBe(false);
  });
});

describe('incident filters', () => {
  function check(query: string, rewritten: string) {
    const read = filters.readIncidentFilters(new URLSearchParams(query));
    expect(filters.writeIncidentFilters(read)).toBe(rewritten);
  }
  it('leave defaults out of the address', () => {
    check('', '');
    check('status=open,quiet&sort=-updated', '');
  });
  it('survive the way there and back', () => {
    check('severity=critical,high&q=bulk+read&actor=off-1', '?severity=critical,high&q=bulk+read&actor=off-1');
    check('status=signal&sort=-score', '?status=signal&sort=-score');
    check('state=new,resolved&assignee=-', '?state=new,resolved&assignee=-');
  });
  it('drop what they do not know', () => {
    check('severity=urgent,high,high&sort=random&colour=red', '?severity=high');
    check('status=closed', '');
  });
  it('show open and quiet ones unless told otherwise', () => {
    expect(filters.readIncidentFilters(new URLSearchParams()).status).toEqual(['open', 'quiet']);
  });
  it('cap what is pasted into them', () => {
    const read = filters.readIncidentFilters(new URLSearchParams({ q: 'x'.repeat(5000) }));
    expect(read.q.length).toBe(200);
  });
});

describe('timeline filters', () => {
  function check(query: string, rewritten: string) {
    const read = filters.readTimelineFilters(new URLSearchParams(query));
    expect(filters.writeTimelineFilters(read)).toBe(rewritten);
  }
  it('show everything by default', () => {
    check('', '');
    check('kinds=access,auth,flow,finding,severity,act', '');
  });
  it('carry kinds and a span', () => {
    const link = '?kinds=finding&from=2026-03-02T09:00:00.000Z&to=2026-03-02T10:00:00.000Z';
    check(link, link);
  });
  it('take no span that runs backwards or is no time', () => {
    check('from=2026-03-02T10:00:00Z&to=2026-03-02T09:00:00Z', '');
    check('from=yesterday&to=today', '');
  });
});

describe('finding filters', () => {
  it('survive the way there and back', () => {
    const link = '?severity=high&detector=canary&actor=off-1';
    const read = filters.readFindingFilters(new URLSearchParams(link));
    expect(filters.writeFindingFilters(read)).toBe(link);
  });
});

describe('a toggled word', () => {
  it('goes in and out, in the order of all', () => {
    expect(filters.toggled(['high'], 'critical', ['critical', 'high'])).toEqual(['critical', 'high']);
    expect(filters.toggled(['critical', 'high'], 'high', ['critical', 'high'])).toEqual(['critical']);
  });
});
