/** Eleven digits as a CPF is written, `123.456.789-09` or without some of its marks. */
const CPF = /(?<!\d)\d{3}[. ]?\d{3}[. ]?\d{3}[- ]?\d{2}(?!\d)/g;
/** The same for the fourteen of a CNPJ, which an account may have as its id. */
const CNPJ = /(?<!\d)\d{2}[. ]?\d{3}[. ]?\d{3}[/ ]?\d{4}[- ]?\d{2}(?!\d)/g;
const WRITTEN_AS_CPF = /^\d{3}\.\d{3}\.\d{3}-\d{2}$/;
const NO_PEOPLE: ReadonlySet<string> = new Set();

/**
 * Return `text` without the CPFs in it, and without the numbers of `people`, each replaced by `by`.
 *
 * A CPF is what is written as one, or has a CPF's check digits: a mobile number has eleven digits, too. A CNPJ is
 * public, and stays unless it is one of `people`.
 */
export function hideNumbers(text: string, people: ReadonlySet<string> = NO_PEOPLE, by = "***"): string {
  const isKnown = (found: string) => people.has(digitsOf(found));
  return text
    .replace(CNPJ, (found) => (isKnown(found) ? by : found))
    .replace(CPF, (found) => (isKnown(found) || WRITTEN_AS_CPF.test(found) || isCpf(digitsOf(found)) ? by : found));
}

/** Return the digits of each column of a row that is a CPF or CNPJ by its length. */
export function peopleOf(row: object): ReadonlySet<string> {
  const people = new Set<string>();
  for (const name of namesOf(row)) {
    try {
      const value = (row as Record<string, unknown>)[name];
      if (typeof value !== "string" || !/^[\d.\-/ ]+$/.test(value)) continue;
      const digits = digitsOf(value);
      if (digits.length === 11 || digits.length === 14) people.add(digits);
    } catch {
      // A column that cannot be read holds no number.
    }
  }
  return people;
}

function namesOf(row: object): string[] {
  try {
    return Object.keys(row);
  } catch {
    return [];
  }
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, "");
}

/** Whether the last two of eleven digits are the check digits of the first nine. */
function isCpf(digits: string): boolean {
  return [9, 10].every((count) => {
    const sum = [...digits.slice(0, count)].reduce(
      (total, digit, index) => total + Number(digit) * (count + 1 - index),
      0,
    );
    return ((sum * 10) % 11) % 10 === Number(digits[count]);
  });
}
