/** Money as Postgres prints it under lc_monetary = C, and as a number: `-$1,234.56` is -1234.56. */

/** The nearest double. Beyond 2^53 cents, 90 trillion, that is not every cent. */
export function readMoney(text: string): number {
  return Number(text.replace(/[$,]/g, ''));
}

export function formatMoney(value: number): string {
  const [whole, cents] = Math.abs(value).toFixed(2).split('.');
  return `${value < 0 ? '-' : ''}$${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${cents}`;
}
