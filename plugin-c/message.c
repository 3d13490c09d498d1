/*
 * Logical messages, written by pg_logical_emit_message().
 */
#include "postgres.h"

#include "deltastream.h"

#include "mb/pg_wchar.h"

#include "line.h"

/*
 * A content is bytes: those that are UTF-8 without NUL are written as text, any
 * other as hexadecimal digits. They are not converted, whatever the database's
 * encoding, since nobody knows what they are.
 */
void
write_message(Plugin *plugin, XLogRecPtr lsn, bool transactional,
			  const char *prefix, Size size, const char *content)
{
	StringInfo	out = &plugin->lines;

	if (transactional)
		appendStringInfo(out, "_xid\t%s\t_action\tmessage", plugin->transaction.xid_text);
	else
		appendStringInfo(out, "_action\tmessage\t_lsn\t%X/%X", LSN_FORMAT_ARGS(lsn));
	append_literal(out, "\t_prefix\t");
	append_escaped(out, prefix, strlen(prefix));
	if (pg_verify_mbstr(PG_UTF8, content, size, true))
	{
		append_literal(out, "\t_content\t");
		append_escaped(out, content, size);
	}
	else
	{
		append_literal(out, "\t_bytes\t");
		append_hex(out, content, size);
	}
	end_line(plugin);
}
