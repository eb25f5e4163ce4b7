import { describe, expect, it } from 'vitest';
import type { Finding } from '../../wire/types';
import { found, phaseOf } from './phases';

const at = (minute: number) => `2026-03-02T09:${String(minute).padStart(2, '0')}:00.000Z`;

describe('the phases of an incident', () => {
  const findings = [20, 10, 15].map((minute) => ({ time: at(minute) }) as Finding);
  const check = (minutes: number[], phases: string) => {
    const span = found({ first_finding: at(10), finding_details: findings });
    expect(minutes.map((minute) => phaseOf({ time: at(minute) }, span)).join(' ')).toBe(phases);
  };
  it('begin and end with a finding', () => check([9, 10, 20, 21], 'before during during after'));
  it('are known where no finding is at hand', () =>
    expect(found({ first_finding: at(10), finding_details: [] })).toEqual({ first: at(10), last: at(10) }));
});
