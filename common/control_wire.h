/* control_wire.h - names of the control protocol, one truth for both ends. The framing is attr.h;
 * every request starts with "request=penguin-control", "version=1", "verb=..."; every reply with
 * "status=ok" or "status=error" (then "error=WORD" and "text=sentence"). Verbs, their permitted
 * callers and their handlers are one table in policyd/control.c. A client may send requests one
 * after the other on one connection; replies come in order. */
#ifndef CONTROL_WIRE_H
#define CONTROL_WIRE_H

#define CONTROL_REQUEST "penguin-control"
#define CONTROL_VERSION "1"

/* ---- verbs of penguin-milter ----
 *
 * assign: what was admitted under this queue id at END-OF-MESSAGE.
 *   in : queue_id, login, client_address
 *   out: found=yes: tenant, stream, class, login, sender, recipients (count charged), source
 *             (that it leaves from; empty: none), split:
 *             "pending": copies differ and are still to be made: set a return path with
 *             TOKEN_SPLIT and edit nothing; the copies come back one by one and are not asked
 *             about here. "no": this is the message
 *        found=no : no policy request was seen for this queue id
 * admit: full admission of a local submission, all recipients at once, charged or nothing.
 *   in : queue_id, sender, size, recipients (count), recipient.0 .. recipient.N (up to 100 a
 *        request; more=yes announces another request for the same queue_id)
 *   out: verdict=accept|refuse|tempfail, code, dsn, text; and as assign
 * close: the message has left the milter; lists what was accepted.
 *   in : queue_id, outcome=accepted|rejected, accepted (count), and when fewer were accepted than
 *        charged: recipient.0 .. (more=yes as above)
 *   out: nothing more
 */
#define CONTROL_ASSIGN "assign"
#define CONTROL_ADMIT  "admit"
#define CONTROL_CLOSE  "close"

/* ---- verbs of penguin-web ----
 *
 * unsubscribe: puts an address on a list that is asked before every further mail.
 *   in : tenant, stream, address, scope=stream|tenant, source=one-click|page|mailto,
 *        message (hexadecimal, 64 bits)
 *   out: status=ok only when that is durable; added=yes|no (no: it was there already);
 *        error=notfound: no such tenant
 * event: what happened to messages, for the event log.
 *   in : event.0 .. event.N (up to 100 a request), each with tabs between: kind, tenant, stream
 *        (may be empty), message (hexadecimal), link, recipient (hexadecimal, 0: none), class,
 *        reason, time (seconds since 1970), client address, user agent
 *   out: accepted (count of those that were good and had room)
 * metrics: counters for Prometheus.
 *   out: metric.0 .., each with tabs between: name, labels, value, type, help
 */
#define CONTROL_UNSUBSCRIBE "unsubscribe"
#define CONTROL_EVENT       "event"
#define CONTROL_METRICS     "metrics"

/* ---- verbs of penguinctl ----
 *
 * Lists come as "row.N=..." attributes whose fields are separated by one tab (the protocol has
 * no newline in values; fields hold no tab), "columns=" names them; "next=" continues a long
 * list: send the same request with "from=" that value.
 *
 * status         out: version, uptime_s, generation, tenants, tenants_kept (last good),
 *                     connections, requests, admitted, not_ours, refused, deferred,
 *                     suppressions, transactions, buckets, commits, commit_failures,
 *                     commit_p50_us, commit_p99_us, store, store_octets, store_ceiling,
 *                     routes_lookups, routes_found, split (yes|no), events, events_dropped,
 *                     event_log, event_log_octets, mail_log(ok|none|trouble), log_lines,
 *                     log_deliveries, log_foreign, log_unreadable, log_newest, tracked,
 *                     suppressed_by_log
 * reload         out: errors, warnings, line.0 .. (report); status=error when the old one stays
 * tenant-list    in: from; out rows: name plan state file-state streams domains logins
 * tenant-show    in: tenant
 * tenant-state   in: tenant, state=active|suspended, reason
 * quota-show     in: tenant (empty = all), from; out rows: tenant scope name unit limit used
 *                     remaining percent resets(RFC 3339 or empty)
 * quota-reset    in: tenant, scope, name, limit (empty = all of that tenant)
 * suppress-add   in: scope=platform|tenant|stream, tenant, stream, reason, source, expires,
 *                     address.0 ..; out: added, present, bad, bad.N=index<tab>text
 *                     (rows with their own reason: row.N=address<tab>reason<tab>date<tab>source)
 * suppress-rm    in: scope, tenant, stream, address; reason (mandatory)
 * suppress-check in: tenant, stream, address; out: suppressed=yes|no, scope, reason, source, added
 * suppress-export in: scope, tenant, stream, from; out rows: digest reason date source expires
 * source-list    in: from; out rows: source state(active|paused) address4 address6 helo relay
 *                     mailbox pools used(recipients today, UTC)
 * source-state   in: source, state=active|paused, reason
 * pool-status    in: from, pool (empty = all); out rows: pool state strategy active(n/m) capacity
 *                     used percent; of one pool: source state(ready|waiting|spent|paused|off)
 *                     weight limit used next_s(until its gap is over); limits of a day, UTC
 * pool-state     in: pool, state=active|paused, reason
 * explain        in: login, client_address, sender, recipient, size; out: decision, code, text,
 *                     tenant, stream, and rows per bucket as quota-show plus "fits"; of a
 *                     stream with a pool: pool, strategy, candidates; changes nothing
 * events         in: tenant, kind, since (RFC 3339), from; out rows: time kind tenant stream
 *                     message link recipient class reason address agent; damaged (lines skipped)
 * stats          in: by=tenant|stream|domain|source, subject (empty = all; of streams TENANT/STREAM
 *                     or TENANT), since, until (RFC 3339; a day up to now), each=hour|day
 *                     (empty: one sum), providers=yes|no, all=yes|no (columns), from;
 *                     out rows: time name provider attempted, the counts of counts.h, percents
 * brake-list     in: from; out rows: scope name place(or everywhere) rule since until relapses
 * brake-release  in: scope=source|domain|stream|tenant, subject, place, reason
 * warmup-list    in: subject (or all), from; out rows: scope name place plan state day days budget
 *                used since last
 * warmup-change  in: action=start|pause|resume|adjust|stop, scope=source|domain, subject, place
 *                (or all), plan, day, resume_from=current|week|start, reason; out: changed
 * alert-list     in: all=yes|no (those that are over, too), pending=yes (only what is to be told),
 *                from; out rows: alert severity state since last times told muted text
 * alert-change   in: action=ack|mute|told|test, alert, for (mute: a duration)
 * returned       in: path (the return path that the report came to, or that it names), kind
 *                (returned.h), address, original (of whom it is about), class (of replies.h),
 *                status, local=yes|no (our own Postfix wrote it: the log tells it, too);
 *                out: suppressed=yes|no; "notfound": not a return path of ours
 * db-backup      in: directory (absolute, new); out: octets
 * db-verify      out: records, damaged
 */
#define CONTROL_STATUS          "status"
#define CONTROL_RELOAD          "reload"
#define CONTROL_TENANT_LIST     "tenant-list"
#define CONTROL_TENANT_SHOW     "tenant-show"
#define CONTROL_TENANT_STATE    "tenant-state"
#define CONTROL_QUOTA_SHOW      "quota-show"
#define CONTROL_QUOTA_RESET     "quota-reset"
#define CONTROL_SUPPRESS_ADD    "suppress-add"
#define CONTROL_SUPPRESS_REMOVE "suppress-rm"
#define CONTROL_SUPPRESS_CHECK  "suppress-check"
#define CONTROL_SUPPRESS_EXPORT "suppress-export"
#define CONTROL_SOURCE_LIST     "source-list"
#define CONTROL_SOURCE_STATE    "source-state"
#define CONTROL_POOL_STATUS     "pool-status"
#define CONTROL_POOL_STATE      "pool-state"
#define CONTROL_EXPLAIN         "explain"
#define CONTROL_EVENTS          "events"
#define CONTROL_STATS           "stats"
#define CONTROL_BRAKE_LIST      "brake-list"
#define CONTROL_BRAKE_RELEASE   "brake-release"
#define CONTROL_WARMUP_LIST     "warmup-list"
#define CONTROL_WARMUP_CHANGE   "warmup-change"
#define CONTROL_ALERT_LIST      "alert-list"
#define CONTROL_ALERT_CHANGE    "alert-change"
#define CONTROL_RETURNED        "returned"
#define CONTROL_DB_BACKUP       "db-backup"
#define CONTROL_DB_VERIFY       "db-verify"

#endif
