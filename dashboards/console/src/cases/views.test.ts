import { describe, expect, it } from 'vitest';
import { readIncidentFilters, writeIncidentFilters } from '../route/filters';
import { parsed, saved, standing } from './views';

describe('saved views', () => {
  it('are read back as they were', () => {
    const views = [{ name: 'Mine', query: '?q=x' }, { name: 'All', query: '' }];
    expect(parsed(JSON.stringify(views))).toEqual(views);
  });
  it('are none where something else stands', () => {
    for (const text of [null, '', '{', '7', '{"name":"x"}', '[null,3,{"name":"x"},{"name":"x","query":"javascript:"}]']) {
      expect(parsed(text)).toEqual([]);
    }
  });
  it('hold a name once', () => {
    const views = saved(saved([], { name: 'a', query: '?q=1' }), { name: 'a', query: '?q=2' });
    expect(views).toEqual([{ name: 'a', query: '?q=2' }]);
  });
  it('are capped', () => {
    const many = Array.from({ length: 40 }, (_, n) => ({ name: `v${n}`, query: '' }));
    expect(many.reduce(saved, [] as { name: string; query: string }[]).length).toBe(30);
  });
});

it('every standing view is an address as the list writes it', () => {
  for (const { query } of standing('Ann B. & co')) {
    expect(writeIncidentFilters(readIncidentFilters(new URLSearchParams(query)))).toBe(query);
  }
});
