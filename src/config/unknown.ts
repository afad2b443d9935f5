/** Names that are no setting's: what a fault says of them, and no more of them than can be no secret. */
import { nearestName, type Fault } from './faults.js';
import { envName, GROUPS, SETTINGS } from './settings.js';

/** Settings that are gone, with what took their place. */
const GONE: ReadonlyMap<string, string> = new Map([
  ['cache.nearIndex', 'workers find all that is stored in shared memory now'],
]);
const GONE_VARIABLES: ReadonlyMap<string, string> = new Map(
  [...GONE].map(([path, instead]) => [envName(path), instead]),
);

/** What names are made of, other people's ways to write ours included. */
const NAME = /^[\w.-]*/;

/** The beginning of `text` that may be a name: where a colon or blank was typed for '=', a token follows. */
export function nameIn(text: string): string {
  const [name] = NAME.exec(text) ?? [''];
  return name === text ? name : `${name}…`;
}

export function unknownSetting(given: string, from: string): Fault {
  const path = given === '' ? "''" : nameIn(given);
  const instead = GONE.get(given);
  if (instead !== undefined) return gone(path, instead, from);
  const hint = nearestName(path, [...SETTINGS.keys(), ...GROUPS].filter(Boolean));
  const fault = { path, want: 'the name of a setting', got: 'an unknown name', from };
  return hint === undefined ? fault : { ...fault, hint };
}

/** `known`: the variables of all settings. */
export function unknownVariable(name: string, from: string, known: ReadonlySet<string>): Fault {
  const instead = GONE_VARIABLES.get(name);
  if (instead !== undefined) return gone(name, instead, from);
  const listen = name.replace(/(?:_LISTEN)?_PORT$/, '_LISTEN'); // what others call it
  const hint = known.has(listen) ? listen : nearestName(name, known);
  const fault = { path: name, want: 'the variable of a setting', got: 'an unknown variable', from };
  return hint === undefined ? fault : { ...fault, hint };
}

function gone(path: string, instead: string, from: string): Fault {
  return { path, want: `it taken out, as ${instead}`, got: 'a setting that is gone', from };
}
