/**
 * Arrays: Postgres's own text and JSON, both ways. The two grammars are walked
 * character by character, since JSON.parse would round long numbers.
 *
 * Postgres: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`; with lower bounds other than 1 it
 * writes `[0:1]={1,2}`, which has no JSON form and is kept as it is. So is what does
 * not read as elements between this delimiter: a type's delimiter is its maker's
 * choice (pg_type.typdelim), and its name does not always tell.
 */

/** How one element goes to JSON and back. */
export interface ElementCodec {
  /** JSON of an element's Postgres text. */
  readonly toJson: (text: string) => string;
  /** Postgres text of an element's JSON (a string's JSON comes unquoted). */
  readonly fromJson: (json: string) => string;
  readonly delimiter: ',' | ';' | ':';
}

/** JSON of a Postgres array's text, or the text itself where it has no JSON form. */
export function arrayToJson(text: string, codec: ElementCodec): string {
  if (text[0] !== '{') return text;
  // PostGIS's own elements are hexadecimal; with a comma it is somebody else's type of that name.
  if (codec.delimiter === ':' && text.includes(',')) return text;
  let json = '';
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '{') { json += '['; at += 1; }
    else if (char === '}') { json += ']'; at += 1; }
    else if (char === codec.delimiter) { json += ','; at += 1; }
    else if (char === '"') {
      const end = closingQuote(text, at);
      if (!endsElement(text[end + 1], codec.delimiter)) return text;
      json += codec.toJson(text.slice(at + 1, end).replace(/\\(.)/gs, '$1'));
      at = end + 1;
    } else {
      const end = endOfBare(text, at, codec.delimiter);
      if (!endsElement(text[end], codec.delimiter)) return text;
      const element = text.slice(at, end);
      json += element === 'NULL' ? 'null' : codec.toJson(element);
      at = end;
    }
  }
  return json;
}

/** The way back from arrayToJson: Postgres's exact text. */
export function jsonToArray(json: string, codec: ElementCodec): string {
  if (!json.endsWith(']')) return json; // never left Postgres's form, which ends in a brace
  let text = '';
  let at = 0;
  while (at < json.length) {
    const char = json[at];
    if (char === '[') { text += '{'; at += 1; }
    else if (char === ']') { text += '}'; at += 1; }
    else if (char === ',') { text += codec.delimiter; at += 1; }
    else if (char === '"') {
      const end = closingQuote(json, at) + 1;
      text += quoteElement(codec.fromJson(JSON.parse(json.slice(at, end))), codec.delimiter);
      at = end;
    } else {
      const end = endOfScalar(json, at);
      const element = json.slice(at, end);
      text += element === 'null' ? 'NULL' : codec.fromJson(element);
      at = end;
    }
  }
  return text;
}

/** The index of the quote that closes the one at `start`; both grammars escape with a backslash. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    const char = text[at];
    if (char === '"' || char === undefined) return at;
    if (char === '\\') at += 1;
  }
}

/** Where an element without quotes ends: at a delimiter or brace, or at what only stands in quotes. */
function endOfBare(text: string, start: number, delimiter: string): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (char === delimiter || char === '}' || char === '{' || char === '"' || char === '\\') break;
  }
  return at;
}

function endsElement(char: string | undefined, delimiter: string): boolean {
  return char === delimiter || char === '}';
}

function endOfScalar(json: string, start: number): number {
  let at = start;
  while (json[at] !== ',' && json[at] !== ']') at += 1;
  return at;
}

/** Quotes as array_out does: when empty, when it reads NULL, or when a character would mislead the parser. */
function quoteElement(element: string, delimiter: string): string {
  const plain = element !== '' && element.toUpperCase() !== 'NULL'
    && !/["\\{} \t\n\v\f\r]/.test(element) && !element.includes(delimiter);
  return plain ? element : `"${element.replace(/["\\]/g, '\\$&')}"`;
}
