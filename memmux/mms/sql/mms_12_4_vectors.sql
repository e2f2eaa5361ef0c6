-- Its vectors: made once it is known how long they are.

CREATE VIRTUAL TABLE memory_embeddings USING vec0(
                        content_embedding FLOAT[{dimensions}] distance_metric=cosine,
                        store TEXT partition key
                    );
