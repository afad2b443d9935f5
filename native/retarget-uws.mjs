/**
 * Makes a copy of uWebSockets.js that loads on glibc older than 2.38, for the binaries whose
 * checksums we know. Plain JavaScript, because it runs at install, before anything is built.
 *
 * The binary needs glibc 2.38 only for `__isoc23_sscanf`, `__isoc23_strtol` and
 * `__isoc23_strtoul`: the C23 names of functions that every glibc has. In the copy these three
 * point at their old names (the same string, nine bytes further), and the requirement for
 * GLIBC_2.38 becomes a second one for GLIBC_2.2.5. About thirty bytes change; no code does.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const C23_PREFIX = '__isoc23_';
const SECTION = { dynsym: 11, verneed: 0x6ffffffe, versym: 0x6fffffff };
const SYMBOL_BYTES = 24;
const AUX_NAME = 8; // offset of vna_name in Elf64_Vernaux; vna_hash is at 0, vna_other at 6

/** Checksums of the binaries we know, by file name: as published, and after the change. */
export const CHECKSUMS = JSON.parse(
  readFileSync(new URL('uws-checksums.json', import.meta.url), 'utf8'),
);

/** @param {Uint8Array} bytes */
export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The name of the binary that uWebSockets.js loads in this process. */
export function binaryName() {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
}

/**
 * Writes `to`/uws.js, package.json and the changed binary; `from` stays as it is.
 * @param {{ from: string, to: string, name?: string }} place `from`: the installed package
 * @throws {Error} when the binary is not one we know, or the result is not the one we expect
 */
export function retargetPackage({ from, to, name = binaryName() }) {
  const known = CHECKSUMS[name];
  const original = readFileSync(path.join(from, name));
  if (!known) throw new Error(`${name}: no known checksum, so it is left as it is`);
  if (sha256(original) !== known.before) throw new Error(`${name}: not the published binary`);
  const changed = retarget(original);
  if (sha256(changed) !== known.after) throw new Error(`${name}: unexpected result, not written`);

  mkdirSync(to, { recursive: true });
  for (const file of ['uws.js', 'package.json']) {
    copyFileSync(path.join(from, file), path.join(to, file));
  }
  // Renamed into place: a thread that loads it meanwhile sees the old file or the new one.
  const target = path.join(to, name);
  const partial = `${target}.${process.pid}`;
  writeFileSync(partial, changed);
  renameSync(partial, target);
}

/**
 * A changed copy of an ELF64 little-endian shared object.
 * @param {Buffer} original
 * @throws {Error} when it has no such symbols or versions
 */
export function retarget(original) {
  const elf = Buffer.from(original);
  const sections = readSections(elf);
  const find = (type) => {
    const section = sections.find((candidate) => candidate.type === type);
    if (!section) throw new Error(`no section of type ${type}`);
    return section;
  };
  const dynsym = find(SECTION.dynsym);
  const strings = sections[dynsym.link];
  const text = (offset) => {
    const start = strings.offset + offset;
    return elf.toString('latin1', start, elf.indexOf(0, start));
  };
  const needs = libcVersions(elf, find(SECTION.verneed).offset, text);
  const old = needs.get('GLIBC_2.2.5');
  const c23 = needs.get('GLIBC_2.38');
  if (old === undefined || c23 === undefined) throw new Error('no GLIBC_2.38 to replace');

  const oldIndex = elf.readUInt16LE(old + 6);
  const versions = find(SECTION.versym).offset;
  for (let i = 0; i < dynsym.size / SYMBOL_BYTES; i++) {
    const symbol = dynsym.offset + i * SYMBOL_BYTES;
    const nameOffset = elf.readUInt32LE(symbol);
    const undefinedHere = elf.readUInt16LE(symbol + 6) === 0;
    if (!undefinedHere || !text(nameOffset).startsWith(C23_PREFIX)) continue;
    elf.writeUInt32LE(nameOffset + C23_PREFIX.length, symbol);
    elf.writeUInt16LE(oldIndex, versions + i * 2);
  }
  elf.writeUInt32LE(elf.readUInt32LE(old), c23);
  elf.writeUInt32LE(elf.readUInt32LE(old + AUX_NAME), c23 + AUX_NAME);
  return elf;
}

function readSections(elf) {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entryBytes = elf.readUInt16LE(0x3a);
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, i) => {
    const at = table + i * entryBytes;
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
    };
  });
}

/** Version name to the offset of its Elf64_Vernaux, for libc.so.6. */
function libcVersions(elf, start, text) {
  const found = new Map();
  for (let need = start, next = -1; next !== 0; need += next) {
    const isLibc = text(elf.readUInt32LE(need + 4)) === 'libc.so.6';
    let aux = need + elf.readUInt32LE(need + 8);
    for (let i = 0; i < elf.readUInt16LE(need + 2); i++) {
      if (isLibc) found.set(text(elf.readUInt32LE(aux + AUX_NAME)), aux);
      aux += elf.readUInt32LE(aux + 12);
    }
    next = elf.readUInt32LE(need + 12);
  }
  return found;
}
