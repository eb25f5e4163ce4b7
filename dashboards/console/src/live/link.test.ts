import { describe, expect, it } from 'vitest';
import { begin, failed, heard, isDead, isLate, opened, trust, trying, type Link } from './link';

/** Plays `script`, e.g. `0 open; 1000 heard; 3000 fail`, and asks at `at`. */
function play(script: string): Link {
  let link = begin(0);
  for (const step of script.split(';').filter((s) => s.trim() !== '')) {
    const [at, word] = step.trim().split(' ');
    const now = Number(at);
    if (word === 'open') link = opened(link, now);
    else if (word === 'heard') link = heard(link, now);
    else if (word === 'fail') link = failed(link, now, 1);
    else if (word === 'try') link = trying(link, now);
    else throw new Error(`unknown step ${word}`);
  }
  return link;
}

function check(script: string, at: number, expected: string) {
  const told = trust(play(script), at);
  const numbers = 'forMs' in told ? ` ${told.forMs}` : '';
  const retry = 'retryInMs' in told ? ` retry ${told.retryInMs}` : '';
  expect(`${told.word}${numbers}${retry}`).toBe(expected);
}

describe('the live link', () => {
  it('is connecting before it is heard', () => {
    check('', 10, 'connecting 10');
    check('5 open', 20, 'connecting 20');
  });
  it('is live while the server speaks', () => check('0 open; 900 heard; 1900 heard', 4000, 'live'));
  it('is stale after five seconds of silence', () => {
    check('0 open; 1000 heard', 5999, 'live');
    check('0 open; 1000 heard', 6000, 'stale 5000');
  });
  it('is stale when opened but never heard', () => check('0 open', 5000, 'stale 5000'));
  it('is disconnected at once when the connection breaks, and counts from the last word', () =>
    check('0 open; 1000 heard; 1500 fail', 2000, 'disconnected 1000 retry 500'));
  it('backs off, doubling up to half a minute', () => {
    check('0 fail', 0, 'disconnected 0 retry 1000');
    check('0 fail; 0 fail', 0, 'disconnected 0 retry 2000');
    check('0 fail; 0 fail; 0 fail', 0, 'disconnected 0 retry 4000');
    check('0 fail;'.repeat(40), 0, 'disconnected 0 retry 30000');
  });
  it('does not forget failures because a connection opened', () =>
    check('0 fail; 0 fail; 1 open; 2 fail', 2, 'disconnected 2 retry 4000'));
  it('starts over once it was heard', () =>
    check('0 fail; 0 fail; 1 open; 2 heard; 3 fail', 3, 'disconnected 1 retry 1000'));
  it('recovers', () => check('0 open; 1 heard; 2 fail; 3000 open; 3100 heard', 3200, 'live'));
  it('spreads retries by jitter', () => {
    const early = failed(begin(0), 0, 0);
    expect(early.retryAtMs).toBe(750);
  });
  it('gives a silent connection up for dead, but not one that has just been opened', () => {
    expect(isDead(play('0 open; 1000 heard'), 20_999)).toBe(false);
    expect(isDead(play('0 open; 1000 heard'), 21_000)).toBe(true);
    expect(isDead(play('0 heard; 90000 open'), 90_001)).toBe(false);
    expect(isDead(play('0 open; 1000 heard; 2000 fail'), 60_000)).toBe(false);
  });
  it('gives up an attempt that nobody answers, the first and each later one', () => {
    expect(isDead(play(''), 19_999)).toBe(false);
    expect(isDead(play(''), 20_000)).toBe(true);
    expect(isDead(play('0 heard; 1000 fail; 2000 try'), 21_999)).toBe(false);
    expect(isDead(play('0 heard; 1000 fail; 2000 try'), 22_000)).toBe(true);
    check('0 heard; 1000 fail; 2000 try', 9000, 'disconnected 9000 retry 0');
  });
  it('is late when five seconds have brought no first word', () => {
    expect(isLate(trust(play(''), 4999))).toBe(false);
    expect(isLate(trust(play(''), 5000))).toBe(true);
    expect(isLate(trust(play('0 fail'), 9000))).toBe(false);
  });
});
