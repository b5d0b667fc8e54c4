-- Takes the outbox of `hub relay` away again. It may be run again; it changes nothing then.
-- It refuses while rows wait to be published: they would be lost.

DO $$
DECLARE
    waiting boolean := false;
BEGIN
    IF to_regclass('notification_outbox') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM notification_outbox WHERE published_at IS NULL AND dead_at IS NULL)'
            INTO waiting;
    END IF;
    IF waiting THEN
        RAISE EXCEPTION 'rows of the outbox wait to be published: stop the services, let the relay finish, run this again'
            USING ERRCODE = 'object_in_use';
    END IF;
END
$$;
DROP TABLE IF EXISTS notification_outbox;
DROP FUNCTION IF EXISTS notification_outbox_wake();
