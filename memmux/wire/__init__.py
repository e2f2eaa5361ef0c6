"""The wire: messages, operations, requests and answers, as every process of a cluster knows them."""
