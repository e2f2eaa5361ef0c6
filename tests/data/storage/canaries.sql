-- Rows of a database of schema 2, whose router stored memories in the namespace `memmux-canary` to see whether they are
-- found. Of the first three, the log has forgotten eight lines (changes_forgotten), and kept one as it was the newest. Of
-- the others, one went as it should (row 7), one was deleted by somebody and not purged (8), one got its vector later and
-- was never removed (9), and one was under way when the writer was killed (11).

INSERT INTO memories (row, id, namespace, type, created_at, updated_at, deleted_at, supersedes, content_hash, metadata, content, superseded_by) VALUES
    (1, '0198c000-0000-7000-8000-000000000003', 'default', 'note', 1800000003.0, 1800000017.0, NULL, NULL, '3dd9173ff6a9c9ed3a9d99deed7e3673492ddcd92be560b043c0c707a93a7b6d', '{}', 'Crows remember faces for years', NULL),
    (4, '0198c000-0000-7000-8000-000000000018', 'default', NULL, 1800000015.0, 1800000015.0, NULL, NULL, '94310f3f8be8bba6e901415802018439e068f284702ad8c22a96793474ea0350', '{}', 'Canaries were taken into mines until 1986', NULL),
    (8, '0198c000-0000-7000-8000-000000000039', 'memmux-canary', NULL, 1800007235.0, 1800007235.0, 1800007237.0, NULL, 'b9a2ce2761418099557a0d1ac456d220412e7461834415ca303e380daefca233', '{}', 'canary0198c000000070008000000000000036 is what the router stored to see whether it is found again', NULL),
    (9, '0198c000-0000-7000-8000-000000000044', 'memmux-canary', NULL, 1800007238.0, 1800007238.0, NULL, NULL, 'b3162b28b878efe088cf8af037f652aa262cb2aeb29a797f9644d695f77640cb', '{}', 'canary0198c000000070008000000000000041 is what the router stored to see whether it is found again', NULL),
    (10, '0198c000-0000-7000-8000-000000000048', 'default', NULL, 1800007241.0, 1800007241.0, NULL, NULL, 'ab68407ed3c528e47dad5b0f51b7c8b644eacfe323cbc75d54eaff48b4c5ca55', '{}', 'no vector yet', NULL),
    (11, '0198c000-0000-7000-8000-000000000052', 'memmux-canary', NULL, 1800007242.0, 1800007242.0, NULL, NULL, 'a3462d0b007ca0df3f46ef60d04f12113af947412903535ac13f867fb13d9635', '{}', 'canary0198c000000070008000000000000049 is what the router stored to see whether it is found again', NULL);

INSERT INTO tags (id, name) VALUES
    (1, 'birds');

INSERT INTO memory_tags (memory, tag, position, spelling) VALUES
    (1, 1, 0, 'birds');

INSERT INTO models (id, name, dimensions, memories, vectors) VALUES
    (1, 'tiny', 2, 0, 0);

INSERT INTO vectors (id, memory, model, window, start, "end", embedding) VALUES
    (1, 1, 1, 0, 0, 30, X'000000000000803f'),
    (2, 4, 1, 0, 0, 41, X'9a99193fcdcc4c3f'),
    (3, 9, 1, 0, 0, 97, X'0000803f00000000'),
    (4, 11, 1, 0, 0, 97, X'0000803f00000000');

CREATE VIRTUAL TABLE vec_1 USING vec0 (embedding FLOAT [2] distance_metric=cosine, namespace TEXT);

INSERT INTO vec_1 (rowid, embedding, namespace) VALUES
    (1, X'000000000000803f', 'default'),
    (2, X'9a99193fcdcc4c3f', 'default'),
    (3, X'0000803f00000000', 'memmux-canary'),
    (4, X'0000803f00000000', 'memmux-canary');

INSERT INTO changes (seq, at, operation, memory, row, client, request, before) VALUES
    (1, 1800000003.0, 'memory.store', '0198c000-0000-7000-8000-000000000003', 1, 'test', '0198c000-0000-7000-8000-000000000002', NULL),
    (8, 1800000015.0, 'memory.store', '0198c000-0000-7000-8000-000000000018', 4, 'test', '0198c000-0000-7000-8000-000000000017', NULL),
    (9, 1800000017.0, 'memory.update', '0198c000-0000-7000-8000-000000000003', 1, 'test', '0198c000-0000-7000-8000-000000000019', '{"id":"0198c000-0000-7000-8000-000000000003","content":"Crows remember faces for years","content_hash":"3dd9173ff6a9c9ed3a9d99deed7e3673492ddcd92be560b043c0c707a93a7b6d","namespace":"default","type":null,"tags":["birds"],"metadata":{},"created_at":"2027-01-15T08:00:03+00:00","updated_at":"2027-01-15T08:00:03+00:00","supersedes":null,"superseded_by":null,"aliases":[]}'),
    (12, 1800000021.0, 'canary.remove', '0198c000-0000-7000-8000-000000000023', 5, 'router', '0198c000-0000-7000-8000-000000000025', '{"namespace":"memmux-canary"}'),
    (13, 1800007227.0, 'memory.store', '0198c000-0000-7000-8000-000000000027', 6, 'test', '0198c000-0000-7000-8000-000000000026', NULL),
    (14, 1800007228.0, 'memory.delete', '0198c000-0000-7000-8000-000000000027', 6, 'test', '0198c000-0000-7000-8000-000000000028', NULL),
    (15, 1800007229.0, 'memory.purge', '0198c000-0000-7000-8000-000000000027', 6, 'test', '0198c000-0000-7000-8000-000000000029', '{"namespace":"default"}'),
    (16, 1800007230.0, 'canary.store', '0198c000-0000-7000-8000-000000000033', 7, 'router', '0198c000-0000-7000-8000-000000000032', NULL),
    (17, 1800007232.0, 'canary.remove', '0198c000-0000-7000-8000-000000000033', 7, 'router', '0198c000-0000-7000-8000-000000000035', NULL),
    (18, 1800007233.0, 'canary.remove', '0198c000-0000-7000-8000-000000000033', 7, 'router', '0198c000-0000-7000-8000-000000000035', '{"namespace":"memmux-canary"}'),
    (19, 1800007235.0, 'canary.store', '0198c000-0000-7000-8000-000000000039', 8, 'router', '0198c000-0000-7000-8000-000000000038', NULL),
    (20, 1800007237.0, 'memory.delete', '0198c000-0000-7000-8000-000000000039', 8, 'test', '0198c000-0000-7000-8000-000000000040', '{"id":"0198c000-0000-7000-8000-000000000039","content":"canary0198c000000070008000000000000036 is what the router stored to see whether it is found again","content_hash":"b9a2ce2761418099557a0d1ac456d220412e7461834415ca303e380daefca233","namespace":"memmux-canary","type":null,"tags":[],"metadata":{},"created_at":"2027-01-15T10:00:35+00:00","updated_at":"2027-01-15T10:00:35+00:00","supersedes":null,"superseded_by":null,"aliases":[]}'),
    (21, 1800007238.0, 'canary.store', '0198c000-0000-7000-8000-000000000044', 9, 'router', '0198c000-0000-7000-8000-000000000043', NULL),
    (22, 1800007240.0, 'vectors.backfill', '0198c000-0000-7000-8000-000000000044', 9, 'test', '0198c000-0000-7000-8000-000000000046', NULL),
    (23, 1800007241.0, 'memory.store', '0198c000-0000-7000-8000-000000000048', 10, 'test', '0198c000-0000-7000-8000-000000000047', NULL),
    (24, 1800007242.0, 'canary.store', '0198c000-0000-7000-8000-000000000052', 11, 'router', '0198c000-0000-7000-8000-000000000051', NULL);

DELETE FROM meta;

INSERT INTO meta (key, value) VALUES
    ('canaries_seen', 12),
    ('changes_forgotten', 8),
    ('memories', 5),
    ('model', 1);

UPDATE sqlite_sequence SET seq = 11 WHERE name = 'memories';

UPDATE sqlite_sequence SET seq = 1 WHERE name = 'models';

UPDATE sqlite_sequence SET seq = 4 WHERE name = 'vec_1_rowids';

UPDATE sqlite_sequence SET seq = 1 WHERE name = 'vec_1_chunks';

UPDATE sqlite_sequence SET seq = 24 WHERE name = 'changes';
