/*
 * The one place that knows that PostgreSQL versions differ (14 to 18).
 */
#ifndef DELTASTREAM_COMPAT_H
#define DELTASTREAM_COMPAT_H

#if PG_VERSION_NUM < 140000
#error "deltastream needs PostgreSQL 14 or later"
#endif

/* 16 moved the macros for values of variable length out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The tuple of a change: 17 dropped the buffer around it. */
#if PG_VERSION_NUM >= 170000
#define change_tuple(tuple) (tuple)
#else
#define change_tuple(buffer) ((buffer) == NULL ? NULL : &(buffer)->tuple)
#endif

#if PG_VERSION_NUM >= 150000
#define commit_time_of(txn) ((txn)->xact_time.commit_time)
#define update_progress(ctx, skipped) OutputPluginUpdateProgress((ctx), (skipped))
#else
#define commit_time_of(txn) ((txn)->commit_time)
#define update_progress(ctx, skipped) OutputPluginUpdateProgress(ctx)
#endif

/* A version of a row, whoever sees it. */
#if PG_VERSION_NUM >= 150000
#define fetch_version(relation, tuple, buffer) heap_fetch((relation), SnapshotAny, (tuple), (buffer), false)
#else
#define fetch_version(relation, tuple, buffer) heap_fetch((relation), SnapshotAny, (tuple), (buffer))
#endif

/* True when a change of kind TUPLECID is of this catalog. */
#if PG_VERSION_NUM >= 160000
#define is_version_of(catalog, change) RelFileLocatorEquals((change)->data.tuplecid.locator, (catalog)->rd_locator)
#else
#define is_version_of(catalog, change) RelFileNodeEquals((change)->data.tuplecid.node, (catalog)->rd_node)
#endif

/*
 * From 16 on the server itself reports progress inside a long transaction;
 * before, a walsender that is busy with rows that nobody follows would run into
 * wal_sender_timeout unless the plugin reports.
 */
#if PG_VERSION_NUM >= 160000
#define PROGRESS_EVERY_CHANGES 0
#else
#define PROGRESS_EVERY_CHANGES 100
#endif

/* Virtual generated columns came with 18; they are in no tuple. */
#if PG_VERSION_NUM >= 180000
#define is_virtual(attribute) ((attribute)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define is_virtual(attribute) false
#endif

/* In 18 attnotnull also stands for a NOT VALID constraint, which old rows may break. */
#if PG_VERSION_NUM >= 180000
#define is_not_null(shape, index) \
	(TupleDescCompactAttr((shape), (index))->attnullability == ATTNULLABLE_VALID)
#else
#define is_not_null(shape, index) (TupleDescAttr((shape), (index))->attnotnull)
#endif

#endif
