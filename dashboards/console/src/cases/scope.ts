/** What an exception is about, in words. */

import { detectorWord, visible } from '../format/words';
import type { Exception } from '../wire/cases';

/** `Bulk read, of off-1 from 10.0.0.7 in pnr`. */
export function scope(exception: Exception, titleOf?: (rule: string) => string | undefined): string {
  const { rule, detector, actor, source, dataset, key } = exception;
  const what = rule ? (titleOf?.(rule) ?? `rule ${rule}`) : detectorWord(detector ?? '');
  const parts = [
    actor && `of ${actor}`,
    source && `from ${source}`,
    dataset && `in ${dataset}`,
    key && `about ${key}`,
  ].filter(Boolean);
  const told = visible(parts.join(' '));
  return parts.length > 0 ? `${what}, ${told}` : `${what}, whatever it is about`;
}
