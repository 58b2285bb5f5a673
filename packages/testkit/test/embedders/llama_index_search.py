"""Prints the text that is nearest to the query."""

import json
import sys

from llama_index.core import Document, VectorStoreIndex
from llama_index.embeddings.openai_like import OpenAILikeEmbedding

base_url, key, model, texts, query = sys.argv[1:6]
embedding = OpenAILikeEmbedding(model_name=model, api_base=base_url, api_key=key, max_retries=0)
index = VectorStoreIndex.from_documents([Document(text=text) for text in json.loads(texts)], embed_model=embedding)
print(index.as_retriever(similarity_top_k=1).retrieve(query)[0].text)
