/** Headless Chromium for tests that must see a page as a viewer does. */
import { chromium, type Page } from 'playwright-core';

/** Debian's; tests that need it say so and fail without it. */
const CHROMIUM = '/usr/bin/chromium';

const ARGUMENTS = [
  '--no-sandbox', // CI runs as root in a container
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export interface Browser {
  readonly page: Page;
  /** Every uncaught error of the page and every `console.error`, in order. */
  readonly faults: readonly string[];
  readonly close: () => Promise<void>;
}

export interface BrowserOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** A fresh browser with one empty page and a profile of its own. Close it in a teardown. */
export async function openBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: ARGUMENTS,
  });
  try {
    const page = await browser.newPage(options);
    const faults: string[] = [];
    page.on('pageerror', (error) => void faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    return { page, faults, close: () => browser.close() };
  } catch (reason) {
    await browser.close();
    throw reason;
  }
}
