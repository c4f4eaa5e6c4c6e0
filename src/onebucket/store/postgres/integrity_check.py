"""Queries of `onebucket doctor` to a PostgreSQL server about itself."""

ABOUT = """
SELECT split_part(current_setting('server_version'), ' ', 1),
       count(*) || ' of ' || current_setting('max_connections') || ' connections in use'
  FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
BROKEN = """
SELECT 'column ' || table_name || '.' || column_name || ' is sorted as ' || coalesce(collation_name, 'the server likes')
  FROM information_schema.columns
 WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
UNION ALL
SELECT 'index ' || indexrelid::regclass || ' is not valid' FROM pg_index WHERE NOT indisvalid
UNION ALL
SELECT 'process ' || pid || ' of PostgreSQL (' || application_name || ') has kept a transaction open for '
       || extract(epoch FROM now() - xact_start)::int || ' seconds'
  FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'idle in transaction' AND now() - xact_start > interval '1 minute'
"""
