/** Files that are handed to the reader; nothing leaves the machine. */
import type { Page } from '../contract';
import { runLabel, shorten } from '../model/format';

/** The name of the model as the beginning of the name of a file. */
export function fileStem(page: Page): string {
  return shorten(runLabel(page.report.model.checkpoint), 40).replace(/[^\p{L}\p{N}._-]+/gu, '-') || 'embedscope';
}

export function download(name: string, content: string | Blob, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
