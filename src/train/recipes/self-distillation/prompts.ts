/**
 * What a chat model is asked when it makes its own training data: requests of the kinds that people write, from templates
 * and word lists of our own, so that the data come with the seed and with nobody's licence.
 */

import { uniform } from '../../../decode/random.ts';
import { trainingStreams } from '../../streams.ts';
import { words } from './words.ts';

type Slot = keyof typeof words | 'n' | 'm' | 'price' | 'fare' | 'any';

/**
 * {slot} is a word of that list, {n} a number up to 99, {m} one from 2 to 12; {price} and {fare} are such in dollars; {any}
 * is a word of the model's vocabulary.
 */
const templates: readonly string[] = [
  // writing
  'Write a {adjective} story about {person} in {place}.',
  'Write a {adjective} poem about {topic}.',
  'Compose a blog post about a trip to {place}, with cultural experiences and things to see.',
  'Draft a {adjective} email to my supervisor about {thing}.',
  'Write a {adjective} advertisement for {thing}.',
  'Write an opening paragraph of a novel in which {person} finds a letter in {place}.',
  'Write a {adjective} speech about {topic} for a school assembly.',
  'Describe {place} in the early morning, using all the senses.',
  'Write a review of {thing}.',
  'Write a dialogue between {person} and {person} about {topic}.',
  // roleplay
  'Pretend to be {role} and tell me about {topic}.',
  'Act as {role}. I want to {goal}. What do you advise?',
  'You are {role}. Introduce yourself and answer: {question}?',
  'Imagine you are {person} in {place}. What do you do today?',
  // advice
  'How can I {goal}?',
  'Give me five tips to {goal}.',
  'Make a plan for a week to {goal}.',
  'What are the most common mistakes when people try to {goal}?',
  'I would like to {goal}, but I have little time. What should I do first?',
  'What should I pack for a journey to {place}?',
  // knowledge
  '{question}?',
  'Explain to a child: {question}?',
  'Explain {topic} in simple words.',
  'What are the main causes and effects of {topic}?',
  'What are the advantages and disadvantages of {topic}?',
  'Tell me three interesting facts about {topic}.',
  'Compare {topic} and {topic}.',
  'Describe the history of {topic}.',
  'Why is {topic} important?',
  'Who was {who}, and why is this person remembered?',
  'When did {who} live?',
  'Who invented {inventor}?',
  'What is the capital of {country}?',
  'What language do people speak in {country}?',
  'What food is {country} known for?',
  'Which countries border {country}?',
  'What is an important question in {subject} that nobody has answered yet?',
  'Name a famous book about {subject} and say what it is about.',
  'How did {topic} change society?',
  'What is the relationship between {subject} and {subject}?',
  // reasoning and mathematics
  '{name} has {n} {fruit}. {name} gives {m} of them away and then buys {n} more. How many are there now?',
  '{name} buys {m} boxes of {fruit} with {n} in each box. How many {fruit} is that in total?',
  '{name} earns {price} an hour and works {m} hours a day. How much is that in {m} days?',
  'A train travels {n} miles in {m} hours. How far does it travel in {n} minutes at the same speed?',
  'There are {n} {fruit} in a basket. A third of them are sold in the morning and {m} in the afternoon. How many are left?',
  'A ticket costs {fare} for children and {price} for adults. How much do {m} children and {m} adults pay?',
  '{name} reads {n} pages on Monday and twice as many on Tuesday. How many pages is that in the two days?',
  'Solve the equation {m}x + {n} = {n} for x, step by step.',
  'What is {n} times {m}? Explain how you computed it.',
  'The sides of a rectangle are {n} cm and {m} cm. What are its area and its perimeter?',
  '{name} is {m} years older than {name}, who is {n}. How old are they together?',
  'If {person} is taller than {person}, and {person} is taller than both, who is the shortest? Explain.',
  // code
  'Write a {language} function that {task}.',
  'Write a {language} program that {task}, with comments.',
  'Explain {concept} with an example.',
  'What is the difference between {concept} and {concept}?',
  'Write a function in {language} that {task}, and show how to call it.',
  // translation and short forms
  'Translate German to English: {german}',
  'Translate to English: {german} {german}',
  'List ten words that have to do with {topic}.',
  'Write a headline and a subtitle for an article about {topic}.',
  'Make a table with two columns, about {topic} and {topic}.',
];

/** Requests about words that lists of ours would never hold, names above all, so that the answers use rare tokens too. */
const wordTemplates: readonly string[] = [
  'Write a short news report in which {any}, {any} and {any} play a part.',
  'Write a news article about {any} {any}, with quotes and numbers.',
  'Write an encyclopedia article about {any}.',
  'Who or what is {any}?',
  'Who was {any} {any}?',
  'When and where was {any} {any} born?',
  'What does the word {any} mean, and how is it used?',
  'Tell me about {any} and {any}.',
  'Write a story with the words {any}, {any}, {any} and {any}.',
  'Write a biography of {any} {any}.',
  'Describe the town of {any}.',
  'Write an interview with {any} {any} about {any}.',
  'Write a paragraph in German about {any} and {any}.',
  'Write five sentences that contain the word {any}.',
  'Is {any} the same as {any}? Answer in two sentences.',
  'List facts about {any}, {any} and {any}.',
  'Write a report on the {any} industry in {country}.',
  'What is known about the {any} of {any}?',
];

/** Requests about a text. */
const passageTemplates: readonly string[] = [
  'Summarize: {text}',
  'Summarize the following text in three sentences.\n\n{text}',
  '{text}\n\nWhat is the main point of this text?',
  'Read this text.\n\n{text}\n\nNow list the most important facts in it.',
  'Rewrite this text so that a child understands it.\n\n{text}',
  'Use the following passage to answer the question.\n\n{text}\n\nQuestion: {question}?',
  'Extract all names, places and numbers from this text: {text}',
  'Improve the style of this text: {text}',
  'Reference document:\n{text}\n\nAnswer with the help of the document: what is said about {topic}?',
  'Write a title and a short abstract for this text.\n\n{text}',
];

/** Draws one after the other for request `n` of one kind. */
function drawing(seed: number, stream: number, n: number): (count: number) => number {
  let position = 0;
  return (count) => Math.floor(count * uniform({ seed, stream, step: n, position: position++ }));
}

function filled(
  template: string,
  draw: (count: number) => number,
  vocabulary: readonly string[] = [],
): string {
  return template.replace(/\{(\w+)\}/g, (_, slot: Slot) => {
    if (slot === 'n') return String(2 + draw(98));
    if (slot === 'm') return String(2 + draw(11));
    if (slot === 'price') return `$${2 + draw(98)}`;
    if (slot === 'fare') return `$${2 + draw(11)}`;
    if (slot === 'any') return vocabulary[draw(vocabulary.length)];
    return words[slot][draw(words[slot].length)];
  });
}

const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Request number `n` of a seed. */
export function requestOf(seed: number, n: number): string {
  const draw = drawing(seed, trainingStreams.request, n);
  return capitalized(filled(templates[draw(templates.length)], draw));
}

/** Request number `n` of a seed that is about words of a vocabulary. */
export function requestWith(vocabulary: readonly string[], seed: number, n: number): string {
  const draw = drawing(seed, trainingStreams.wordRequest, n);
  return filled(wordTemplates[draw(wordTemplates.length)], draw, vocabulary);
}

/** Request number `n` of a seed that is about a text. */
export function requestAbout(text: string, seed: number, n: number): string {
  const draw = drawing(seed, trainingStreams.passageRequest, n);
  const template = passageTemplates[draw(passageTemplates.length)];
  // The text last: braces in it are no slots.
  return filled(template.replace('{text}', '\0'), draw).replace('\0', () => text);
}
