"""Prints the text that is nearest to the query."""

import json
import sys

from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import OpenAIEmbeddings

base_url, key, model, texts, query = sys.argv[1:6]
embeddings = OpenAIEmbeddings(base_url=base_url, api_key=key, model=model, check_embedding_ctx_length=False, max_retries=0)
store = InMemoryVectorStore.from_texts(json.loads(texts), embeddings)
print(store.similarity_search(query, k=1)[0].page_content)
