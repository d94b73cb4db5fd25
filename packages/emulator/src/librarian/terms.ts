/** Something to look for: how it is written in the question, and how it begins in its other forms. */
export interface Term {
  readonly text: string;
  /** Lower-case; a word starts with it or a phrase contains it. */
  readonly stem: string;
  readonly isPhrase: boolean;
}

const stopWords = new Set(
  `a about above across after again against all also although am an and another any anyone anything are as ask at be became because
  been before being below between both but by can cannot could describe did do does doing done down during each either else ever every
  everything explain few find for from further get gets getting give given gives go goes going had happen happens has have having he
  hello help hence her here hi him his how however i if in into is it its itself just know let like list look looks made make makes
  many may me mean means might more most much must my name need needs neither no nor not nothing of off on once one only onto or other
  others our out over own per please put quite rather really same say says see seem seems shall she should show shows since so some
  somebody someone something still such summarise summarize summary take takes tell than thank thanks that the their them then there
  these they thing things this those though through thus to together too toward towards under until up upon us use used uses using
  very via want was way ways we well were what whatever when where whether which while who whole whom whose why will with within
  without work works would write yes yet you your yours file files folder folders directory document documents docs project
  according mention mentioned exactly question answer`.split(/\s+/),
);

/** The search terms of a question, phrases first, then by how telling they look; at most `max`. */
export function termsOf(question: string, max: number): readonly Term[] {
  const phrases = [...question.matchAll(/"([^"]{3,80})"|“([^”]{3,80})”|`([^`]{2,80})`/g)].map(
    (found) => found[1] ?? found[2] ?? found[3] ?? '',
  );
  const rest = phrases.reduce((text, phrase) => text.replace(phrase, ' '), question);
  const words = [...rest.matchAll(/[\p{L}\p{N}][\p{L}\p{N}_.-]*/gu)].map(([word]) =>
    word.replace(/[.-]+$/, ''),
  );
  const telling = words.filter(isTelling);
  const terms = [
    ...phrases.map(phraseTerm),
    ...telling.toSorted((a, b) => weight(b) - weight(a)).map(wordTerm),
  ];
  return unique(terms).slice(0, max);
}

function isTelling(word: string): boolean {
  if (stopWords.has(word.toLowerCase())) return false;
  return word.length >= 3 || /^[A-Z\d]{2}$/.test(word);
}

/** Identifiers and names tell more than common words, long words more than short ones, nouns more than verbs. */
function weight(word: string): number {
  const isIdentifier = /[_.\d]|\p{Ll}\p{Lu}/u.test(word) || /^\p{Lu}{2,}$/u.test(word);
  const isVerbal = /(?:ed|ing|ly)$/.test(word);
  return Math.min(word.length, 12) + (isIdentifier ? 10 : 0) - (isVerbal ? 2 : 0);
}

function phraseTerm(text: string): Term {
  const words = text.trim();
  return /\s/.test(words) ? { text: words, stem: words.toLowerCase(), isPhrase: true } : wordTerm(words);
}

function wordTerm(text: string): Term {
  return { text, stem: stemOf(text.toLowerCase()), isPhrase: false };
}

function unique(terms: readonly Term[]): readonly Term[] {
  return terms.filter((term, index) => terms.findIndex((other) => other.stem === term.stem) === index);
}

const endings = ['ations', 'ation', 'ingly', 'edly', 'ings', 'ies', 'ing', 'ers', 'ed', 'es', 'er', 's', 'e'];

/** Cuts one English ending, never below four letters; identifiers stay as they are. */
export function stemOf(word: string): string {
  if (/[_.\d-]/.test(word)) return word;
  const ending = endings.find((end) => word.endsWith(end) && word.length - end.length >= 4);
  const cut = ending === undefined ? word : word.slice(0, -ending.length);
  // "stopping" becomes "stop", not "stopp".
  return /([bdgmnprt])\1$/.test(cut) && cut.length >= 4 && ending !== 's' ? cut.slice(0, -1) : cut;
}

/** A pattern for any regular-expression dialect: no flags and no look-around, letter case spelt out. */
export function patternOf({ stem, isPhrase }: Term): string {
  if (isPhrase) return stem.split(/\s+/).map(anyCase).join('\\s+');
  return anyCase(stem);
}

function anyCase(word: string): string {
  const first = String.fromCodePoint(word.codePointAt(0) ?? 0);
  const rest = escape(word.slice(first.length));
  const head =
    first.toUpperCase() === first.toLowerCase() ? escape(first) : `[${first.toUpperCase()}${first}]`;
  const upper = word.toUpperCase();
  return word.length <= 1 || upper === word ? head + rest : `(${head}${rest}|${escape(upper)})`;
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

/** Wider terms for a second try: the parts of compounds, and the beginnings of long words. */
export function broaden(terms: readonly Term[]): readonly Term[] {
  const parts = terms.flatMap(({ text }) => text.split(/[\s_.-]+|(?<=\p{Ll})(?=\p{Lu})/u));
  const wide = parts
    .filter((part) => part.length >= 3 && !stopWords.has(part.toLowerCase()))
    .map((part) => ({
      text: part,
      stem: stemOf(part.toLowerCase()).slice(0, Math.max(4, Math.ceil(part.length * 0.6))),
      isPhrase: false,
    }));
  const known = new Set(terms.map(({ stem }) => stem));
  return unique(wide)
    .filter(({ stem }) => !known.has(stem))
    .slice(0, 5);
}
