/** Asks the person for a few values in a dialog, and waits for them. */

export interface Field {
  name: string;
  label: string;
  /** `checks` gives the chosen values with commas between. */
  kind: 'text' | 'area' | 'url' | 'time' | 'choice' | 'checks';
  value?: string;
  required?: boolean;
  max?: number;
  hint?: string;
  options?: { value: string; word: string; hint?: string }[];
  /** Offered while typing. */
  known?: string[];
}

export interface Question {
  title: string;
  text?: string;
  fields: Field[];
  submit: string;
}

export type Answers = Record<string, string>;

class Form {
  question = $state.raw<Question | null>(null);
  #answer: ((answers: Answers | null) => void) | null = null;

  /** `null` when the person thinks better of it. */
  ask(question: Question): Promise<Answers | null> {
    this.#answer?.(null);
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  done(answers: Answers | null): void {
    const answer = this.#answer;
    this.#answer = null;
    this.question = null;
    answer?.(answers);
  }
}

export const form = new Form();
