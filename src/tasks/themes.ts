/**
 * The words of the word problems about one changing quantity. In a text {n} is any number, {k} one from 2 to 9;
 * a text with both stands for their product, in the order they are read.
 */

export interface Theme {
  /** The quantity at the start: {n}, or {n} and {k}. */
  readonly openings: readonly string[];
  /** What the changes begin with: a subject, or 'then'. */
  readonly subject: string;
  /** Changes of the quantity: {n} for + and -, {k} for * and /, {n} and {k} for a product added or taken away. */
  readonly changes: Partial<Record<'+' | '-' | '*' | '/', readonly string[]>>;
  /** The first also fits when nothing has changed. */
  readonly questions: readonly string[];
  /** A question whose answer is the quantity divided by {k}, or the part of {n} that is missing. */
  readonly endings: Partial<Record<'/' | '-', readonly string[]>>;
}

export const themes: readonly Theme[] = [
  {
    openings: [
      '{name} has {n} {things}.',
      '{name} finds {n} {things}.',
      '{name} has {k} {bags} with {n} {things} each.',
      '{name} fills {k} {bags} with {n} {things} each.',
    ],
    subject: '{he}',
    changes: {
      '+': ['buys {n} more', 'finds {n} more', 'gets {n} from {friend}', 'buys {k} {bags} of {n} more'],
      '-': ['gives {n} to {friend}', 'loses {n}', 'sells {n}', 'gives {k} friends {n} each'],
      '*': ['finds {k} times as many'],
      '/': ['keeps one of {k} equal parts'],
    },
    questions: ['How many {things} does {he} have?', 'How many {things} has {he} now?'],
    endings: {
      '/': [
        '{he} shares them equally among {k} friends. How many does each get?',
        '{he} puts them into {k} equal {bags}. How many are in each?',
      ],
    },
  },
  {
    openings: ['A {bus} has {n} riders.', 'A {bus} has {k} cars with {n} riders each.'],
    subject: 'then',
    changes: { '+': ['{n} get on'], '-': ['{n} get off', '{n} leave at each of {k} stops'] },
    questions: ['How many riders are on the {bus}?', 'How many riders are there now?'],
    endings: { '/': ['The rest leave in {k} equal groups. How many are in each?'] },
  },
  {
    openings: ['{name} saves {n} coins.', '{name} saves {n} coins a week for {k} weeks.'],
    subject: '{he}',
    changes: {
      '+': ['earns {n} more', 'gets {n} from {friend}', 'earns {n} a day for {k} days'],
      '-': ['spends {n}', 'pays {n} to {friend}', 'buys {k} {things} for {n} each'],
    },
    questions: ['How many coins does {he} have?', 'How many coins are left?'],
    endings: { '/': ['{he} spends the rest equally over {k} days. How much is that a day?'] },
  },
  {
    openings: ['{name} walks {n} km.', '{name} walks {n} km a day for {k} days.'],
    subject: '{he}',
    changes: { '+': ['drives {n} km', 'runs {n} km', 'rides {n} km a day for {k} days'] },
    questions: ['How many km is that?'],
    endings: {
      '-': ['The whole way is {n} km. How many km are left?'],
      '/': ['{he} does it in {k} equal parts. How long is each?'],
    },
  },
  {
    openings: ['A book has {n} pages.', 'A book has {k} parts with {n} pages each.'],
    subject: '{name}',
    changes: { '-': ['reads {n}', 'skips {n}', 'reads {n} a day for {k} days'] },
    questions: ['How many pages are there?', 'How many pages are left?'],
    endings: { '/': ['The rest takes {k} days. How many pages is that a day?'] },
  },
  {
    openings: ['{name} bakes {n} rolls.', '{name} bakes {k} trays of {n} rolls.'],
    subject: '{he}',
    changes: {
      '+': ['bakes {n} more', 'bakes {k} trays of {n} more'],
      '-': ['sells {n}', 'eats {n}', 'burns {n}', 'sells {k} {bags} of {n}'],
    },
    questions: ['How many rolls does {he} have?', 'How many rolls are left?'],
    endings: { '/': ['The rest goes into {k} equal {bags}. How many are in each?'] },
  },
  {
    openings: ['A farm has {n} {cows}.', 'A farm has {k} barns with {n} {cows} each.'],
    subject: 'then',
    changes: {
      '+': ['{n} are born', '{n} more come'],
      '-': ['{n} are sold', '{n} run away', '{k} buyers take {n} each'],
    },
    questions: ['How many {cows} are there now?', 'How many {cows} are left?'],
    endings: { '/': ['They are in {k} equal groups. How many are in each?'] },
  },
  {
    openings: ['{name} scores {n} points.', '{name} scores {n} points in each of {k} games.'],
    subject: '{he}',
    changes: {
      '+': ['wins {n} more', 'wins {n} in each of {k} games'],
      '-': ['loses {n}', 'loses {n} in each of {k} games'],
      '*': ['gets {k} times as many'],
    },
    questions: ['How many points does {he} have?'],
    endings: { '-': ['{he} needs {n}. How many points are missing?'] },
  },
  {
    openings: ['A hall has {k} rows of {n} seats.', 'A hall has {n} seats.'],
    subject: 'then',
    changes: {
      '+': ['{n} are added', '{k} rows of {n} are added'],
      '-': ['{n} are taken', '{k} groups of {n} sit down'],
    },
    questions: ['How many seats are there?', 'How many seats are free?'],
    endings: { '/': ['The rest is for {k} equal groups. How many seats does each get?'] },
  },
];
