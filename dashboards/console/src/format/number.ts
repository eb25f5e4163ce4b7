/** Numbers as people read them. Units always travel with the number. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** `12,345`. */
export function count(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : '–';
}

/** For across the room: `842`, `12.3 k`, `4.1 M`. Three figures at most, so widths stay put. */
export function short(value: number): string {
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T', 'P']);
}

/** Binary units, as the engine's sentences have them: `70 MiB`. */
export function bytes(value: number): string {
  return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

function scaled(value: number, base: number, units: string[]): string {
  if (!Number.isFinite(value)) return '–';
  let step = 0;
  let rest = Math.abs(value);
  // 999.5 and above would round to a fourth figure.
  while (rest >= base - 0.5 && step < units.length - 1) {
    rest /= base;
    step += 1;
  }
  const coarse = rest >= (step === 0 ? 9.95 : 99.95);
  const digits = (coarse ? whole : oneDecimal).format(rest);
  const sign = value < 0 ? '−' : '';
  return `${sign}${digits} ${units[step]}`.trimEnd();
}

/** `0.4 ms`, `9 ms`, `1.2 s`. */
export function milliseconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 999.5) return `${oneDecimal.format(value / 1000)} s`;
  return `${value < 10 ? oneDecimal.format(value) : whole.format(value)} ms`;
}

/** `12,400 ± 1.6%`: an estimate says so. */
export function estimate(value: number, relativeError: number): string {
  if (relativeError <= 0) return count(value);
  return `≈ ${count(value)} ± ${oneDecimal.format(relativeError * 100)}%`;
}

/** A measured quantity with its unit, as findings give it. */
export function quantity(value: number, unit: string): string {
  if (unit === 'bytes') return bytes(value);
  const digits = Number.isInteger(value) || value >= 100 ? count(value) : oneDecimal.format(value);
  return `${digits} ${value === 1 ? one(unit) : unit}`;
}

/** Units are given in the plural: `matches`, `events`, `seconds of silence`. */
function one(unit: string): string {
  return unit.replace(/^(\w+(?:ch|sh|ss|x))es\b/, '$1').replace(/^(\w*[^s\W])s\b/, '$1');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Work done, from microseconds: `–` for none, else as milliseconds or seconds. */
export function spent(microseconds: number): string {
  return microseconds > 0 ? milliseconds(microseconds / 1000) : '–';
}

/** A part of one: `38%`, `0.4%`. */
export function share(part: number): string {
  const percent = part * 100;
  return `${percent < 10 ? oneDecimal.format(percent) : whole.format(percent)}%`;
}
